/* openmp.c: loops whose threads have unequal work, so that most of them wait at the barrier. */
#include <omp.h>
#include <unistd.h>

double uneven(int rounds)
{
	double sum = 0;

	for (int i = 0; i < rounds; i++) {
#pragma omp parallel for schedule(static, 1) reduction(+ : sum) num_threads(4)
		for (int part = 0; part < 4; part++) {
			usleep(part == i % 4 ? 5000 : 100);
			for (int n = 1; n < 100000; n++)
				sum += 1.0 / n;
		}
	}
	return sum;
}
