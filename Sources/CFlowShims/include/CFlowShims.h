#pragma once

#include "confine.h"
#include "trap_note.h"
