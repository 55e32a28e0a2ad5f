#pragma once

/// Opens (creates) the note file and maps it. From then on a trap of this process (illegal instruction, segmentation fault,
/// abort, …) marks the note. Returns 0, or errno.
int flow_trap_note_open(const char *path);

/// Notes the id of the run in hand, 36 characters; NULL: none. Costs a copy. Before `open` it does nothing.
/// The first call on a thread gives it a stack for the handler, so that a stack overflow can be noted too.
void flow_trap_note_set(const char *id);

/// Copies the id that was in hand when an earlier process trapped into `id` (37 bytes, NUL-terminated) and clears the mark.
/// Returns 1, or 0 when the process before this one did not trap or had nothing in hand.
int flow_trap_note_take(char *id);
