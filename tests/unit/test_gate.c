#include "gate.h"

#include <stdlib.h>
#include <string.h>

#include "owner.h"
#include "unit.h"

static struct gs_gate gate;
static struct gs_view view;

/* Three findings: in an extension one that blocked, while others waited 3.4 s, and one that could;
 * one of CPython itself that blocked. */
static void make(void)
{
	struct synthetic record;
	struct gs_snapshot snapshot;
	const char *reason;

	memset(&gate, 0, sizeof(gate));
	memset(&view, 0, sizeof(view));
	gs_policy_init(&gate.policy);
	gate.no_builtin = true;
	unit_make_full(&record);
	CU_ASSERT_TRUE_FATAL(gs_snapshot_read(record.path, &snapshot, &reason));
	gs_view_add(&view, &snapshot);
	gs_snapshot_free(&snapshot);
	synthetic_free(&record);
}

static void forget(void)
{
	gs_gate_free(&gate);
	gs_view_free(&view);
	gs_owner_forget();
}

/* What is said of the run; the caller frees. */
static char *judge(void)
{
	char *text;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	CU_ASSERT_TRUE(gs_gate_read(&gate));
	gs_gate_judge(&gate, &view);
	gs_gate_text(stream, &gate, &view);
	fclose(stream);
	return text;
}

static void test_fails(void)
{
	char *text;

	make();
	text = judge();
	CU_ASSERT_EQUAL(gate.failing, 1);
	CU_ASSERT_EQUAL(strncmp(text, "fails:\n  1. GIL001 12 of 40", 27), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "reported only:\n  2. GIL001 1 of 1"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n  3. GIL002 7 calls"));
	CU_ASSERT_EQUAL(view.sites[0].judgement, GS_FAILS);
	CU_ASSERT_EQUAL(view.sites[1].judgement, GS_PASSES);
	CU_ASSERT_EQUAL(view.sites[2].judgement, GS_PASSES);
	CU_ASSERT_EQUAL(view.sites[3].judgement, GS_NOT_JUDGED);
	CU_ASSERT(gs_gate_judged(&gate) > 0);
	free(text);
	forget();
}

static void test_passes(void)
{
	char *text;

	make();
	CU_ASSERT_TRUE(gs_policy_set_min_blocked(&gate.policy, "1000s"));
	text = judge();
	CU_ASSERT_EQUAL(gate.failing, 0);
	CU_ASSERT_EQUAL(strncmp(text, "reported only:\n  1. GIL001 12 of 40", 35), 0);
	CU_ASSERT_PTR_NULL(strstr(text, "fails:"));
	CU_ASSERT_EQUAL(view.sites[0].judgement, GS_PASSES);
	free(text);
	forget();
}

static void test_max_stalled(void)
{
	char *text;

	make();
	CU_ASSERT_TRUE(gs_policy_set_min_blocked(&gate.policy, "1000s"));
	CU_ASSERT_TRUE(gs_policy_set_max_stalled(&gate.policy, "3400ms"));
	text = judge();
	CU_ASSERT_EQUAL(gate.failing, 0);
	free(text);
	forget();
	make();
	CU_ASSERT_TRUE(gs_policy_set_min_blocked(&gate.policy, "1000s"));
	CU_ASSERT_TRUE(gs_policy_set_max_stalled(&gate.policy, "3399ms"));
	text = judge();
	CU_ASSERT_EQUAL(gate.failing, 1);
	CU_ASSERT_EQUAL(view.sites[0].judgement, GS_FAILS);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "\n     fails: other threads waited longer than --max-stalled\n"));
	free(text);
	forget();
}

static void test_suppressed(void)
{
	char *text;

	make();
	view.sites[0].suppressed_by = "rules:1";
	text = judge();
	CU_ASSERT_EQUAL(gate.failing, 0);
	CU_ASSERT_EQUAL(view.sites[0].judgement, GS_NOT_JUDGED);
	CU_ASSERT_PTR_NULL(strstr(text, "12 of 40"));
	free(text);
	forget();
}

CU_TestInfo gs_tests_gate[] = {
	{"what fails", test_fails},
	{"what passes", test_passes},
	{"--max-stalled", test_max_stalled},
	{"suppressed", test_suppressed},
	CU_TEST_INFO_NULL,
};
