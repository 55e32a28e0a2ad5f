#pragma once

#include "confine.h"
#include "descriptor_limit.h"
#include "plain_file.h"
#include "spawn_shim.h"
#include "trap_note.h"
#include "system_facts.h"
