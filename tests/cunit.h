/* cunit.h: the suites of a folder: each is a table in test_NAME.c and a row of the folder's
 * suites.def. */
#ifndef GS_CUNIT_H
#define GS_CUNIT_H

#include <CUnit/CUnit.h>

#define GS_SUITE(name) extern CU_TestInfo gs_tests_##name[];
#include "suites.def"

extern unsigned cunit_skipped; /* tests that said that they cannot be made here */

#endif
