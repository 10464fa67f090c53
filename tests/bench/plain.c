/* plain.c: the measured calls in a process that is not Python.
 *
 *	plain time CALL N     prints the CPU nanoseconds of N calls
 *	plain step CALL N     under step.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"

int main(int argc, char **argv)
{
	const struct bench_call *call = argc == 4 ? bench_call_find(argv[2]) : NULL;

	if (!call) {
		fprintf(stderr, "usage: plain time|step CALL N\n");
		return 2;
	}
	bench_calls_setup();
	call->make();
	if (strcmp(argv[1], "step") == 0)
		bench_step(call, atol(argv[3]));
	else
		printf("%lld\n", (long long) bench_time(call, atol(argv[3])).cpu);
	return 0;
}
