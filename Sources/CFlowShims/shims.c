#include "CFlowShims.h"
