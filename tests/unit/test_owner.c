/* A tree of installed things in a temporary directory, and who owns what in it. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conda.h"
#include "debian.h"
#include "distribution.h"
#include "owner.h"
#include "unit.h"

static char root[64];
static struct gs_pool pool;
static struct gs_owner owner;

static void begin(void)
{
	strcpy(root, "/tmp/gilshim-owner-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root));
	memset(&owner, 0, sizeof(owner));
}

static int remove_entry(const char *path, const struct stat *file, int type, struct FTW *position)
{
	(void) file;
	(void) type;
	(void) position;
	return remove(path);
}

static void end(void)
{
	nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	gs_pool_free(&pool);
}

/* The path below the root, in one of four buffers. */
static const char *at(const char *path)
{
	static char buffers[4][256];
	static unsigned turn;
	char *buffer = buffers[turn++ % 4];

	snprintf(buffer, sizeof(*buffers), "%s/%s", root, path);
	return buffer;
}

/* A file and the directories above it. */
static void make(const char *path, const char *content)
{
	char *full = strdup(at(path));
	FILE *stream;

	for (char *slash = strchr(full + strlen(root) + 1, '/'); slash;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0700);
		*slash = '/';
	}
	stream = fopen(full, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
	fputs(content, stream);
	fclose(stream);
	free(full);
}

static void expect(bool found, const char *distribution, const char *version)
{
	CU_ASSERT_TRUE(found);
	CU_ASSERT_STRING_EQUAL(owner.distribution ? owner.distribution : "", distribution);
	CU_ASSERT_STRING_EQUAL(owner.version ? owner.version : "", version);
}

static void test_a_record_lists_its_files(void)
{
	begin();
	make("site-packages/one-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: one\n"
							 "Version: 1.0\n\nName: described\n");
	make("site-packages/one-1.0.dist-info/RECORD",
		"one/__init__.py,sha256=x,0\none/_c.so,sha256=y,12\r\n");
	make("site-packages/two-2.0.dist-info/METADATA", "name: Two\nVERSION:2.0\n");
	make("site-packages/two-2.0.dist-info/RECORD",
		"\"two, \"\"quoted\"\"/_c.so\",sha256=y,12\n../../lib/libtwo.so,,\n");
	expect(gs_distribution_listing(&pool, at("site-packages/one/_c.so"), &owner), "one", "1.0");
	expect(gs_distribution_listing(&pool, at("site-packages/two, \"quoted\"/_c.so"), &owner),
		"Two", "2.0");
	CU_ASSERT_FALSE(gs_distribution_listing(&pool, at("site-packages/one/_d.so"), &owner));
	CU_ASSERT_FALSE(gs_distribution_listing(&pool, "/", &owner));
	end();
}

static void test_installed_files(void)
{
	begin();
	make("p/old.egg-info/PKG-INFO", "Name: old\nVersion: 0.9\n");
	make("p/old.egg-info/installed-files.txt", "PKG-INFO\n../old/_c.so\n");
	expect(gs_distribution_listing(&pool, at("p/old/_c.so"), &owner), "old", "0.9");
	CU_ASSERT_FALSE(gs_distribution_listing(&pool, at("p/old/_d.so"), &owner));
	end();
}

static void test_top_level_names(void)
{
	begin();
	make("p/Old_Name-0.9.egg-info/PKG-INFO", "Name: Old-Name\nVersion: 0.9\n");
	make("p/Old_Name-0.9.egg-info/top_level.txt", "_single\nold\n");
	make("p/Flat-File-1.egg-info", "Name: Flat-File\nVersion: 1\n");
	expect(gs_distribution_named(&pool, at("p/old/deep/_c.so"), &owner), "Old-Name", "0.9");
	expect(gs_distribution_named(&pool, at("p/_single.cpython-311.so"), &owner), "Old-Name",
		"0.9");
	expect(gs_distribution_named(&pool, at("p/flat_file.so"), &owner), "Flat-File", "1");
	memset(&owner, 0, sizeof(owner));
	CU_ASSERT_FALSE(gs_distribution_named(&pool, at("p/older/_c.so"), &owner));
	CU_ASSERT_PTR_NULL(owner.distribution);
	end();
}

static void make_editable(const char *name, const char *tree, const char *flag)
{
	char path[128], content[256];

	snprintf(path, sizeof(path), "site/%s.dist-info/METADATA", name);
	snprintf(content, sizeof(content), "Name: %s\nVersion: 3\n", name);
	make(path, content);
	snprintf(path, sizeof(path), "site/%s.dist-info/direct_url.json", name);
	snprintf(content, sizeof(content), "{\"dir_info\":{\"editable\":%s},\"url\":\"%s%s/%s\"}",
		flag, "file://", root, tree);
	make(path, content);
}

static void test_editable_installs(void)
{
	const char *site;
	char *known;

	begin();
	make_editable("outer", "src", "true");
	make_editable("inner", "src/a%20tree/", "true");
	make_editable("copied", "src/a%20tree/_c", "false");
	make("site/broken.dist-info/direct_url.json", "{\"url\": [");
	known = strdup(at("site"));
	site = known;
	expect(gs_distribution_editable(&pool, at("src/_x.so"), &site, 1, &owner), "outer", "3");
	expect(gs_distribution_editable(&pool, at("src/a tree/_c/_x.so"), &site, 1, &owner),
		"inner", "3");
	CU_ASSERT_FALSE(gs_distribution_editable(&pool, at("srcs/_x.so"), &site, 1, &owner));
	CU_ASSERT_FALSE(gs_distribution_editable(&pool, at("src/_x.so"), NULL, 0, &owner));
	free(known);
	end();
}

static void test_nothing_waits_for_a_fifo(void)
{
	begin();
	make("p/one.dist-info/METADATA", "Name: one\n");
	CU_ASSERT_EQUAL(mkfifo(at("p/one.dist-info/RECORD"), 0600), 0);
	CU_ASSERT_FALSE(gs_distribution_listing(&pool, at("p/one.so"), &owner));
	end();
}

static void test_eggs(void)
{
	begin();
	make("one-2.1-py3.11.egg/EGG-INFO/PKG-INFO", "Name: one\nVersion: 2.1\n");
	make("one-2.1-py3.11.egg/EGG-INFO/top_level.txt", "one\n");
	expect(gs_distribution_named(&pool, at("one-2.1-py3.11.egg/one/_c.so"), &owner), "one",
		"2.1");
	CU_ASSERT_FALSE(gs_distribution_named(&pool, at("one-2.1-py3.11.egg/two/_c.so"), &owner));
	/* A zipped one is a file; what is in it has no path, or one in a cache. */
	make("two-1-py3.11.egg", "PK");
	CU_ASSERT_FALSE(gs_distribution_listing(&pool, at("two-1-py3.11.egg/two/_c.so"), &owner));
	CU_ASSERT_FALSE(gs_distribution_named(&pool, at("two-1-py3.11.egg/two/_c.so"), &owner));
	CU_ASSERT_FALSE(gs_conda_find(&pool, at("two-1-py3.11.egg/two/_c.so"), &owner));
	CU_ASSERT_FALSE(
		gs_distribution_named(&pool, at("Python-Eggs/two-1.egg-tmp/two/_c.so"), &owner));
	end();
}

static void test_conda(void)
{
	begin();
	make("env/conda-meta/libone-5.4-h12_3.json",
		"{\"name\": \"libone\", \"version\": \"5.4\", \"files\": [\"include/one.h\", "
		"\"lib/libone.so.1\"]}");
	make("env/conda-meta/other-1-0.json",
		"{\"name\": \"other\", \"version\": \"1\", \"depends\": [\"libone.so.1\"], "
		"\"files\": []}");
	make("env/conda-meta/torn-1-0.json", "{\"name\": \"torn\", \"files\": [\"lib/libtorn.so\"");
	make("env/conda-meta/nameless-1-0.json", "{\"files\": [\"lib/libnameless.so\"]}");
	make("env/conda-meta/history", "lib/libone.so.2");
	expect(gs_conda_find(&pool, at("env/lib/libone.so.1"), &owner), "libone", "5.4");
	CU_ASSERT_FALSE(gs_conda_find(&pool, at("env/libone.so.1"), &owner));
	CU_ASSERT_FALSE(gs_conda_find(&pool, at("env/lib/libone.so.2"), &owner));
	CU_ASSERT_FALSE(gs_conda_find(&pool, at("env/lib/libtorn.so"), &owner));
	CU_ASSERT_FALSE(gs_conda_find(&pool, at("env/lib/libnameless.so"), &owner));
	CU_ASSERT_FALSE(gs_conda_find(&pool, at("other/lib/libone.so.1"), &owner));
	end();
}

static void make_debian(void)
{
	make("dpkg/status", "Package: libone\nStatus: install ok installed\nArchitecture: i386\n"
			    "Version: 0.5\n\n"
			    "Package: libone\nStatus: install ok installed\nArchitecture: amd64\n"
			    "Version: 1:1.0-2+b1\n\n"
			    "Package: python3-two\nArchitecture: amd64\nVersion: 2.0-1\n"
			    "Description: x\n Package: libone\n\n"
			    "Package: three\nVersion: 3\n");
	make("dpkg/info/libone:amd64.list", "/.\n/usr/lib\n/lib/x/libone.so.1\n/usr/lib/x/d.so\n");
	make("dpkg/info/libone:i386.list", "/lib/i/libone.so.1\n");
	make("dpkg/info/python3-two.list", "/usr/lib/python3/dist-packages/two/_c.cpython-311.so\n"
					   "/usr/bin/python3.11\n/usr/share/doc/x.txt\n");
	make("dpkg/info/three.list", "/usr/lib/x/d.so\n");
	make("dpkg/info/three.md5sums", "");
	make("dpkg/diversions", "/usr/lib/x/d.so\n/usr/lib/x/d.so.one\nthree\n");
}

static void test_debian_packages(void)
{
	static const struct {
		const char *path, *package, *version;
	} cases[] = {
		{"/lib/x/libone.so.1", "libone", "1:1.0-2+b1"},
		{"/usr/lib/x/libone.so.1", "libone", "1:1.0-2+b1"},
		{"/usr/lib/i/libone.so.1", "libone", "0.5"},
		{"/usr/lib/python3/dist-packages/two/_c.cpython-311.so", "python3-two", "2.0-1"},
		{"/lib/python3/dist-packages/two/_c.cpython-311.so", "python3-two", "2.0-1"},
		{"/bin/python3.11", "python3-two", "2.0-1"},
		{"/usr/lib/x/d.so", "three", "3"},
		{"/usr/lib/x/d.so.one", "libone", "1:1.0-2+b1"},
	};
	struct gs_debian *debian;

	begin();
	make_debian();
	debian = gs_debian_open(at("dpkg"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		expect(gs_debian_find(debian, &pool, cases[i].path, &owner), cases[i].package,
			cases[i].version);
	CU_ASSERT_FALSE(gs_debian_find(debian, &pool, "/usr/lib/x/other.so", &owner));
	CU_ASSERT_FALSE(gs_debian_find(debian, &pool, "/opt/x/libone.so.1", &owner));
	gs_debian_close(debian);
	debian = gs_debian_open(at("nowhere"));
	CU_ASSERT_FALSE(gs_debian_find(debian, &pool, "/lib/x/libone.so.1", &owner));
	gs_debian_close(debian);
	end();
}

/* The owner of site 0's extension, were it that file. */
static struct gs_owner owner_of(struct gs_view *view, const char *path)
{
	struct gs_view_site *site = &view->sites[0];

	view->modules[site->native[site->extension_frame].module].key.path = path;
	return gs_owner_find(view, site);
}

static void test_an_extension_has_an_owner(void)
{
	struct synthetic record;
	struct gs_snapshot snapshot;
	struct gs_view view;
	const char *reason;

	begin();
	memset(&view, 0, sizeof(view));
	unit_make_full(&record);
	CU_ASSERT_TRUE_FATAL(gs_snapshot_read(record.path, &snapshot, &reason));
	gs_view_add(&view, &snapshot);
	gs_snapshot_free(&snapshot);
	owner = owner_of(&view, "/nowhere/_ext.so");
	CU_ASSERT_PTR_NULL(owner.distribution);
	owner = owner_of(&view, "/o/lib/python3.11/lib-dynload/_ssl.cpython-311.so");
	expect(true, "cpython", "3.11.2");
	owner = owner_of(&view, "/o/bin/python3.11");
	expect(true, "cpython", "3.11.2");
	owner = owner_of(&view, "/o/lib/libpython3.11.so.1.0");
	expect(true, "cpython", "3.11.2");
	owner = owner_of(&view, "/o/lib/python_wrapper.so");
	CU_ASSERT_PTR_NULL(owner.distribution);
	owner = owner_of(&view, "python3.11");
	CU_ASSERT_PTR_NULL(owner.distribution);

	make("p/one.dist-info/METADATA", "Name: one\nVersion: 1\n");
	make("p/one.dist-info/RECORD", "_c.so,,\n");
	owner = owner_of(&view, at("p/_c.so"));
	expect(true, "one", "1");
	/* Not looked for again. */
	remove(at("p/one.dist-info/RECORD"));
	owner = owner_of(&view, at("p/_c.so"));
	expect(true, "one", "1");
	gs_owner_forget();
	gs_view_free(&view);
	synthetic_free(&record);
	end();
}

CU_TestInfo gs_tests_owner[] = {
	{"a RECORD lists its files", test_a_record_lists_its_files},
	{"installed-files.txt lists its files", test_installed_files},
	{"top-level names", test_top_level_names},
	{"editable installs", test_editable_installs},
	{"nothing waits for a FIFO", test_nothing_waits_for_a_fifo},
	{"eggs", test_eggs},
	{"conda packages", test_conda},
	{"Debian packages", test_debian_packages},
	{"an extension has an owner", test_an_extension_has_an_owner},
	CU_TEST_INFO_NULL,
};
