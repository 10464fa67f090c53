/* unit.h: what the unit suites share. */
#ifndef GS_UNIT_H
#define GS_UNIT_H

#include <CUnit/CUnit.h>

#define GS_SUITE(name) extern CU_TestInfo gs_tests_##name[];
#include "suites.def"

#endif
