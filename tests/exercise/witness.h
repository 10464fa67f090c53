/* witness.h: a C++ frame around an exercise. */
#ifndef WITNESS_H
#define WITNESS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
struct exercise;

/* Runs the exercise in a frame that has an object with a destructor, which adds one to *destroyed;
 * however the frame is left. */
void x_witness(void (*exercise)(struct exercise *x), struct exercise *x, uint32_t *destroyed);
#ifdef __cplusplus
}
#endif

#endif
