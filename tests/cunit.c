/* cunit.c: runs the suites of a folder's suites.def: all, or those named as arguments. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

#include "cunit.h"

unsigned cunit_skipped;

static CU_SuiteInfo suites[] = {
#define GS_SUITE(name) {#name, NULL, NULL, NULL, NULL, gs_tests_##name},
#include "suites.def"
	CU_SUITE_INFO_NULL,
};

/* Keeps only the suites that are named, in the table's order. */
static int choose(int count, char **names)
{
	int kept = 0;

	for (CU_SuiteInfo *suite = suites; count > 0 && suite->pName; suite++) {
		for (int i = 0; i < count; i++) {
			if (strcmp(suite->pName, names[i]) == 0) {
				suites[kept++] = *suite;
				break;
			}
		}
	}
	if (count > 0)
		suites[kept] = (CU_SuiteInfo) CU_SUITE_INFO_NULL;
	return kept == count;
}

int main(int argc, char **argv)
{
	unsigned ran, failed, failures;

	if (!choose(argc - 1, argv + 1)) {
		fprintf(stderr, "%s: no such suite\n", argv[0]);
		return 2;
	}
	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS) {
		fprintf(stderr, "%s: %s\n", argv[0], CU_get_error_msg());
		return 2;
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	ran = CU_get_number_of_tests_run();
	failed = CU_get_number_of_tests_failed();
	printf("%u passed, %u failed, %u skipped\n", ran - failed - cunit_skipped, failed,
		cunit_skipped);
	failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
	CU_cleanup_registry();
	return failures > 0;
}
