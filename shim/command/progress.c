#include "progress.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

#define PATIENCE_MS 1000
#define STEP_MS 100
#define WIDTH 79
#define LONGEST 256

static struct {
	bool begun, watched, shown;
	uint64_t begin_ms, last_ms;
} progress;

static uint64_t now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t) time.tv_sec * 1000 + (uint64_t) time.tv_nsec / 1000000;
}

/* A terminal that can erase a line. */
static bool is_watched(void)
{
	const char *terminal = getenv("TERM");

	return isatty(STDERR_FILENO) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
}

/* A line that wraps cannot be erased. */
static size_t width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 2)
		return WIDTH;
	return size.ws_col - 1u < WIDTH ? size.ws_col - 1u : WIDTH;
}

static void show(const char *doing, size_t done, size_t total)
{
	char buffer[LONGEST];
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer));
	gs_text_put(&text, "gilshim: ");
	gs_text_name(&text, doing, LONGEST / 2);
	gs_text_put(&text, ": ");
	gs_text_number(&text, done);
	if (total) {
		gs_text_put(&text, " of ");
		gs_text_number(&text, total);
	}
	fprintf(stderr, "\r\033[K%.*s", (int) width(), buffer);
	fflush(stderr);
	progress.shown = true;
}

void gs_progress(const char *doing, size_t done, size_t total)
{
	uint64_t now = now_ms();

	if (!progress.begun) {
		progress.begun = true;
		progress.watched = is_watched();
		progress.begin_ms = now;
		progress.last_ms = 0;
	}
	if (!progress.watched || now - progress.begin_ms < PATIENCE_MS ||
		now - progress.last_ms < STEP_MS)
		return;
	progress.last_ms = now;
	show(doing, done, total);
}

void gs_progress_clear(void)
{
	if (progress.shown)
		fputs("\r\033[K", stderr);
	progress.shown = false;
}

void gs_progress_end(void)
{
	gs_progress_clear();
	progress.begun = false;
}
