#pragma once

#include <stdint.h>

/// Raises the limit of this process's descriptors as far as it may, and keeps the last `reserve` of them for what cannot wait. Gives
/// the limit that holds; 0 when it cannot be told. Programs that are started get the limit that this process was started with: some
/// cannot deal with more, or look at every number up to it.
uint64_t flow_raise_descriptor_limit(uint64_t reserve);
/// In a child, before it becomes its program. Only system calls.
void flow_lower_descriptor_limit(void);
/// Whether a descriptor that was just opened is one of the reserve: the lowest free number is given out, so all below it are taken.
int flow_is_reserved(int descriptor);
