/* frames.h: the calls that the frame tests leave in other ways than by returning. */
#ifndef FRAMES_H
#define FRAMES_H

#include "guest.h"

/* What the call under test works on. */
struct scene {
	int pipe[2];   /* empty, or with one byte for `ready` */
	FILE *stream;  /* on the pipe's reading end */
	FILE *cookie;  /* its read and write functions call leave() */
	void *semaphore, *condition, *mutex;
	const char *library; /* for dlopen: its constructor calls leave() */
};

struct act {
	const char *name;	 /* of the scenario */
	const char *call;	 /* row of the report */
	void (*make)(struct scene *scene);
	bool (*untouched)(struct scene *scene); /* a cancelled call had no effect */
	bool cancels;				/* a cancellation point that blocks for ever */
	bool signals; /* may be left from a signal handler */
	bool leaves;  /* calls leave() by itself: a callback */
};

extern const struct act acts[];
extern const unsigned act_count;

void scene_prepare(struct scene *scene, const struct act *act, bool ready);

/* A network whose name server never answers. False where the system does not allow it. */
bool scene_network(void);

/* Called inside the call under test, by a callback or a signal handler. */
extern void (*leave)(void);

#endif
