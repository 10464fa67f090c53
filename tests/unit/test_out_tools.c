/* The formats for other tools: SARIF, JUnit XML, GitHub's annotations. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "finding.h"
#include "out.h"
#include "owner.h"
#include "unit.h"

#define HOSTILE "/srv/<a>&\"b\"]]>,%:\x01\x1b\n\xef\xbf\xbf\xff\xc3\xa9.py"

typedef void format(FILE *stream, struct gs_view *view);

static char *report_of_full(format *write)
{
	struct synthetic record;
	char *text;

	unit_make_full(&record);
	text = unit_report(&record, write);
	synthetic_free(&record);
	return text;
}

static char *report_of_stalls(format *write)
{
	struct synthetic record;
	char *text;

	unit_make_stalls(&record);
	synthetic_delay(&record, 1, 9, 100, 2000000); /* too few to be told */
	text = unit_report(&record, write);
	synthetic_free(&record);
	return text;
}

static char *report_of_hostile(format *write)
{
	struct synthetic record;
	struct gs_site *site;
	char *text;

	unit_make_full(&record);
	site = synthetic_entry(&record, GS_SECTION_SITES, 0);
	site->python.file = synthetic_string(&record, HOSTILE);
	site->python.function = site->python.file;
	text = unit_report(&record, write);
	synthetic_free(&record);
	return text;
}

static char *report_of_clean(format *write, unsigned released)
{
	struct synthetic record;
	char *text;

	synthetic_make(&record, 16);
	synthetic_function(&record, 0, "recv")->retired[1] = released;
	text = unit_report(&record, write);
	synthetic_free(&record);
	return text;
}

static json_t *parse(char *text)
{
	json_t *parsed = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(parsed);
	free(text);
	return parsed;
}

static json_t *run_of(json_t *all)
{
	return json_array_get(json_object_get(all, "runs"), 0);
}

static const char *uri_of(json_t *result)
{
	json_t *location = json_array_get(json_object_get(result, "locations"), 0);
	json_t *physical = json_object_get(location, "physicalLocation");

	return json_string_value(
		json_object_get(json_object_get(physical, "artifactLocation"), "uri"));
}

static void test_sarif_results(void)
{
	json_t *all = parse(report_of_full(gs_out_sarif));
	json_t *list = json_object_get(run_of(all), "results");
	json_t *result = json_array_get(list, 0);
	json_t *flow = json_array_get(json_object_get(result, "codeFlows"), 0);
	json_t *steps;

	CU_ASSERT_EQUAL(json_array_size(list), 3);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(result, "ruleId")), "GIL001");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(result, "level")), "error");
	CU_ASSERT_STRING_EQUAL(uri_of(result), "file:///srv/app.py");
	steps = json_object_get(
		json_array_get(json_object_get(flow, "threadFlows"), 0), "locations");
	CU_ASSERT_EQUAL(json_array_size(steps), 4);
	CU_ASSERT_STRING_EQUAL(
		json_string_value(json_object_get(
			json_object_get(
				json_object_get(json_array_get(steps, 1), "location"), "message"),
			"text")),
		"libwait.so.1");
	result = json_array_get(list, 2);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(result, "level")), "note");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(result, "ruleIndex")), 1);
	json_decref(all);
}

static void test_sarif_stalls(void)
{
	json_t *all = parse(report_of_stalls(gs_out_sarif));
	json_t *list = json_object_get(run_of(all), "results");
	json_t *place = json_array_get(list, 1), *delay = json_array_get(list, 4);
	json_t *driver = json_object_get(json_object_get(run_of(all), "tool"), "driver");
	json_t *rules = json_object_get(driver, "rules");
	json_t *properties = json_object_get(place, "properties");
	const char *text;

	CU_ASSERT_EQUAL_FATAL(json_array_size(list), 5);
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *result = json_array_get(list, i);
		json_t *rule = json_array_get(
			rules, (size_t) json_integer_value(json_object_get(result, "ruleIndex")));

		CU_ASSERT_TRUE(
			json_equal(json_object_get(rule, "id"), json_object_get(result, "ruleId")));
	}
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(place, "ruleId")), "GIL003");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(place, "level")), "warning");
	CU_ASSERT_STRING_EQUAL(uri_of(place), "file:///srv/app.py");
	text = json_string_value(json_object_get(json_object_get(place, "message"), "text"));
	CU_ASSERT_STRING_EQUAL(text,
		"thread worker kept the GIL 1.20 s in 4 stretches (worst 400 ms), others waited "
		"2.30 s (2 threads: pool-1, ...): computing < /srv/app.py:12 in crunch");
	CU_ASSERT_PTR_NULL(json_object_get(properties, "call"));
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(properties, "elapsed_ns")), 1200000000);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(properties, "thread")), "worker");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(delay, "ruleId")), "GIL004");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(delay, "level")), "note");
	text = json_string_value(json_object_get(json_object_get(delay, "message"), "text"));
	CU_ASSERT_EQUAL(strncmp(text, "recv: 1,200 of the 1,500 calls", 30), 0);
	json_decref(all);
}

/* What `check` says of three findings: one fails, one passes, one is suppressed. */
static char *report_of_judged(format *write, enum gs_judgement first, enum gs_judgement second)
{
	static const struct gs_suppression_use uses[] = {
		{"call:x # a & b", "rules:1", "a & b", 0, false},
		{"call:recv # it <naps>", "rules:2", "it <naps>", 1, false},
	};
	struct synthetic record;
	struct gs_snapshot snapshot;
	struct gs_view view;
	const char *reason;
	char *text;

	unit_make_full(&record);
	memset(&view, 0, sizeof(view));
	CU_ASSERT_TRUE_FATAL(gs_snapshot_read(record.path, &snapshot, &reason));
	gs_view_add(&view, &snapshot);
	gs_snapshot_free(&snapshot);
	view.suppressions = uses;
	view.suppression_count = 2;
	view.sites[0].judgement = first;
	view.sites[1].judgement = second;
	view.sites[2].suppressed_by = uses[1].origin;
	text = synthetic_report(&view, write);
	gs_owner_forget();
	gs_view_free(&view);
	synthetic_free(&record);
	return text;
}

static void test_sarif_judged(void)
{
	json_t *all = parse(report_of_judged(gs_out_sarif, GS_PASSES, GS_FAILS));
	json_t *list = json_object_get(run_of(all), "results"), *found;
	static const char *const levels[] = {"warning", "error", "error"};

	CU_ASSERT_EQUAL_FATAL(json_array_size(list), 3);
	for (size_t i = 0; i < 3; i++) {
		json_t *result = json_array_get(list, i);

		CU_ASSERT_STRING_EQUAL(
			json_string_value(json_object_get(result, "level")), levels[i]);
		found = json_object_get(result, "suppressions");
		CU_ASSERT_TRUE(json_is_array(found));
		CU_ASSERT_EQUAL(json_array_size(found), i == 1);
		found = json_array_get(found, 0);
		if (!found)
			continue;
		CU_ASSERT_STRING_EQUAL(
			json_string_value(json_object_get(found, "kind")), "external");
		CU_ASSERT_STRING_EQUAL(
			json_string_value(json_object_get(found, "justification")), "it <naps>");
	}
	json_decref(all);
	/* Where nothing was to be suppressed, nothing is said of it. */
	all = parse(report_of_full(gs_out_sarif));
	found = json_array_get(json_object_get(run_of(all), "results"), 0);
	CU_ASSERT_PTR_NULL(json_object_get(found, "suppressions"));
	json_decref(all);
}

static void test_junit_judged(void)
{
	char *text = report_of_judged(gs_out_junit, GS_PASSES, GS_FAILS);

	CU_ASSERT_PTR_NOT_NULL(strstr(text, "tests=\"3\" failures=\"1\" errors=\"0\" time="));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "<failure type=\"GIL002\" message=\"7 calls"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "<system-out>GIL001 held-blocked: 12 of 40"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "<skipped message=\"rules:2: it &#60;naps&#62;\"/>"));
	free(text);
}

static void test_github_judged(void)
{
	char *text = report_of_judged(gs_out_github, GS_PASSES, GS_FAILS);

	CU_ASSERT_EQUAL(strncmp(text, "::warning file=/srv/app.py,line=31,", 35), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n::error file=/srv/app.py,line=40,title=GIL002 "));
	CU_ASSERT_PTR_NULL(strstr(text, ",line=50,"));
	free(text);
	text = report_of_full(gs_out_github);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, ",line=50,"));
	free(text);
	text = report_of_judged(gs_out_github, GS_FAILS, GS_PASSES);
	CU_ASSERT_EQUAL(strncmp(text, "::error file=/srv/app.py,line=31,", 33), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n::notice file=/srv/app.py,line=40,"));
	free(text);
}

static void test_sarif_invocations(void)
{
	json_t *all = parse(report_of_full(gs_out_sarif));
	json_t *made = json_array_get(json_object_get(run_of(all), "invocations"), 0);

	CU_ASSERT_TRUE(json_is_true(json_object_get(made, "executionSuccessful")));
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(made, "startTimeUtc")),
		"2023-11-14T22:13:20.000Z");
	CU_ASSERT_STRING_EQUAL(
		json_string_value(json_object_get(made, "endTimeUtc")), "2023-11-14T22:13:22.000Z");
	CU_ASSERT_EQUAL(json_array_size(json_object_get(made, "arguments")), 5);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(made, "toolExecutionNotifications")), 0);
	json_decref(all);
}

static void test_sarif_hostile_names(void)
{
	json_t *all = parse(report_of_hostile(gs_out_sarif));
	json_t *result = json_array_get(json_object_get(run_of(all), "results"), 0);

	CU_ASSERT_STRING_EQUAL(uri_of(result),
		"file:///srv/%3Ca%3E%26%22b%22%5D%5D%3E%2C%25%3A%01%1B%0A"
		"%EF%BF%BF%EF%BF%BD%C3%A9.py");
	json_decref(all);
}

static void test_sarif_same_id_as_json(void)
{
	json_t *all = parse(report_of_full(gs_out_sarif));
	json_t *plain = parse(report_of_full(gs_out_json));
	json_t *list = json_object_get(run_of(all), "results");
	json_t *sites = json_object_get(plain, "sites");

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *prints = json_object_get(json_array_get(list, i), "partialFingerprints");

		CU_ASSERT_TRUE(json_equal(json_object_get(prints, "gilshimSite/v1"),
			json_object_get(json_array_get(sites, i), "id")));
	}
	json_decref(all);
	json_decref(plain);
}

static void test_junit(void)
{
	char *text = report_of_full(gs_out_junit);

	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "<testsuite name=\"gilshim\" tests=\"3\" failures=\"2\" errors=\"0\" "
			     "time=\"1.235\" skipped=\"0\">"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "<testcase classname=\"_ext.cpython-311-x86_64-linux-gnu.so\" "
			     "name=\"recv in fetch\" time=\"1.230\">\n"
			     "      <failure type=\"GIL001\" message=\"12 of 40 calls blocked,"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "<system-out>GIL002 held-could-block: 7 calls"));
	free(text);
}

static void test_junit_stalls(void)
{
	char *text = report_of_stalls(gs_out_junit);

	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "<testsuite name=\"gilshim\" tests=\"5\" failures=\"2\" errors=\"0\" "
			     "time=\"2.435\" skipped=\"0\">"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text,
		"<testcase classname=\"?\" name=\"computing in crunch\" time=\"1.200\">\n"
		"      <system-out>GIL003 held-compute: thread worker kept the GIL"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text,
		"<testcase classname=\"gilshim\" name=\"waits for the GIL after recv\" "
		"time=\"6.000\">\n"
		"      <system-out>GIL004 reacquire-delay: recv: 1,200 of the 1,500"));
	CU_ASSERT_PTR_NULL(strstr(text, "after nanosleep"));
	free(text);
}

static void test_junit_hostile_names(void)
{
	char *text = report_of_hostile(gs_out_junit);

	CU_ASSERT_PTR_NOT_NULL(strstr(text,
		"name=\"recv in /srv/&#60;a&#62;&#38;&#34;b&#34;]]&#62;,%:\xef\xbf\xbd\xef\xbf\xbd"
		"&#10;\xef\xbf\xbd\xef\xbf\xbd\xc3\xa9.py\""));
	CU_ASSERT_PTR_NULL(strpbrk(text, "\x01\x1b"));
	free(text);
}

static void test_junit_without_findings(void)
{
	char *text = report_of_clean(gs_out_junit, 12);

	CU_ASSERT_PTR_NOT_NULL(strstr(text, "tests=\"1\" failures=\"0\""));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "<testcase classname=\"gilshim\" name=\"no call blocks with the GIL "
			     "held\" time=\"0.000\"/>"));
	free(text);
	text = report_of_clean(gs_out_junit, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "skipped=\"1\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "<skipped message=\"no call was judged\"/>"));
	free(text);
}

static void test_github(void)
{
	static const char first[] =
		"::error file=/srv/app.py,line=31,title=GIL001 held-blocked::12 of 40 calls "
		"blocked, 1.23 s (worst 456 ms), others waited 3.40 s%0A"
		"recv < libwait.so.1 < _ext.so < /srv/app.py:31 in fetch\n"
		"::error file=/srv/app.py,line=50,title=GIL001 held-blocked::1 of 1 call";
	char *text = report_of_full(gs_out_github);

	CU_ASSERT_EQUAL(strncmp(text, first, strlen(first)), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text,
		"\n::notice file=/srv/app.py,line=40,title=GIL002 held-could-block::7 calls"));
	free(text);
	text = report_of_clean(gs_out_github, 12);
	CU_ASSERT_STRING_EQUAL(text, "");
	free(text);
}

static void test_github_stalls(void)
{
	char *text = report_of_stalls(gs_out_github);

	CU_ASSERT_PTR_NOT_NULL(strstr(text,
		"\n::warning file=/srv/app.py,line=12,title=GIL003 held-compute::thread worker "
		"kept "
		"the GIL 1.20 s in 4 stretches (worst 400 ms), others waited 2.30 s (2 threads: "
		"pool-1, ...)%0Acomputing < /srv/app.py:12 in crunch\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(
		text, "\n::notice title=GIL004 reacquire-delay::recv: 1,200 of the 1,500 calls"));
	CU_ASSERT_PTR_NULL(strstr(text, "::nanosleep:"));
	free(text);
}

static void test_github_hostile_names(void)
{
	static const char first[] = "::error file=/srv/<a>&\"b\"]]>%2C%25%3A\x01\x1b%0A"
				    "\xef\xbf\xbf\xef\xbf\xbd\xc3\xa9.py,line=31,title=GIL001";
	char *text = report_of_hostile(gs_out_github);
	size_t lines = 0;

	CU_ASSERT_EQUAL(strncmp(text, first, strlen(first)), 0);
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	CU_ASSERT_EQUAL(lines, 3);
	free(text);
}

static void test_paths_from_the_root(void)
{
	CU_ASSERT_STRING_EQUAL(gs_finding_relative("/a/b/c.py", "/a/"), "b/c.py");
	CU_ASSERT_STRING_EQUAL(gs_finding_relative("/ab/c.py", "/a/"), "/ab/c.py");
	CU_ASSERT_STRING_EQUAL(gs_finding_relative("/a/b.py", "/"), "/a/b.py");
	CU_ASSERT_STRING_EQUAL(gs_finding_relative("/a/b.py", NULL), "/a/b.py");
	CU_ASSERT_FALSE(gs_finding_is_file("<string>"));
	CU_ASSERT_FALSE(gs_finding_is_file(NULL));
	CU_ASSERT_TRUE(gs_finding_is_file("app.py"));
}

CU_TestInfo gs_tests_out_tools[] = {
	{"SARIF: results", test_sarif_results},
	{"SARIF: stalls", test_sarif_stalls},
	{"SARIF: what check judged", test_sarif_judged},
	{"JUnit: what check judged", test_junit_judged},
	{"GitHub: what check judged", test_github_judged},
	{"SARIF: invocations", test_sarif_invocations},
	{"SARIF: hostile names", test_sarif_hostile_names},
	{"SARIF: the ids of the JSON report", test_sarif_same_id_as_json},
	{"JUnit: test cases", test_junit},
	{"JUnit: stalls", test_junit_stalls},
	{"JUnit: hostile names", test_junit_hostile_names},
	{"JUnit: without findings", test_junit_without_findings},
	{"GitHub: annotations", test_github},
	{"GitHub: stalls", test_github_stalls},
	{"GitHub: hostile names", test_github_hostile_names},
	{"paths from the root", test_paths_from_the_root},
	CU_TEST_INFO_NULL,
};
