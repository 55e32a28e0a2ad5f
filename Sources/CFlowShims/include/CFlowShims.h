#pragma once

#include "confine.h"
#include "spawn_shim.h"
#include "trap_note.h"
#include "system_facts.h"
