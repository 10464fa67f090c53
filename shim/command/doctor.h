/* doctor.h: what `gilshim doctor` has found out. Its parts add lines; doctor.c prints them. */
#ifndef GS_DOCTOR_H
#define GS_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "compiler.h"
#include "escape.h"
#include "objfile.h"
#include "options.h"
#include "pair.h"

enum gs_health {
	GS_HEALTH_OK,
	GS_HEALTH_NOTE,  /* worth knowing; nothing is amiss */
	GS_HEALTH_WRONG, /* something is not live: exit status 1 */
};

struct gs_doctor_line {
	enum gs_health health;
	const char *about; /* a word or two */
	char *text;
	const char *advice; /* NULL: none */
};

/* Processes of one interpreter that are alike. */
struct gs_doctor_python {
	const char *path;    /* NULL: not known */
	const char *version; /* NULL: not known; so it is where the library is not live */
	const char *implementation;
	const char *oracle; /* how it is known who holds the GIL */
	const char *reason; /* why the library is not live there; NULL: it is */
	const char *advice; /* against that; NULL: none */
	size_t processes;
	enum gs_pair pair;
};

struct gs_doctor {
	struct gs_doctor_line *lines;
	size_t line_count, line_capacity;
	struct gs_doctor_python *pythons;
	size_t python_count, python_capacity;
	struct gs_escapes escapes;
	struct gs_pool pool;
	/* the library; NULL, and file.elf NULL: not there */
	char *library;
	struct gs_objfile file;
	/* GILSHIM_OPTIONS as the user has it */
	struct gs_options options;
};

/* Adds a line. */
void gs_doctor_say(struct gs_doctor *doctor, enum gs_health health, const char *about,
	const char *advice, const char *format, ...) GS_PRINTF(5, 6);

/* The same, unless a line says so already: then that one is as bad at least. */
void gs_doctor_say_once(struct gs_doctor *doctor, enum gs_health health, const char *about,
	const char *format, ...) GS_PRINTF(4, 5);

/* This machine: the library, libc, the environment. */
void gs_doctor_machine(struct gs_doctor *doctor);

/* Runs a program and looks at every process of its tree. 0, or as gs_trace() has it why it was not
 * run. */
int gs_doctor_program(struct gs_doctor *doctor, char **argv);

/* Tries the known pair with an interpreter and says what came of it. */
void gs_doctor_pair(struct gs_doctor *doctor, struct gs_doctor_python *python,
	const char *environment, size_t environment_size);

#endif
