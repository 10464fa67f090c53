/* fuzz.h: what the fuzz targets share. A target is a libFuzzer program; see fuzz.py for how it is
 * run. With GS_FUZZ_PLANT it has a bug on purpose, one that only a mutation of a seed meets: the
 * test of the test. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

#ifdef GS_FUZZ_PLANT
#define PLANT(condition) ((condition) ? __builtin_trap() : (void) 0)
#else
#define PLANT(condition) ((void) (condition))
#endif

#define MUST(condition) ((condition) ? (void) 0 : __builtin_trap())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);

/* A nameless file with these bytes, and a path to it. The caller closes. */
int fuzz_file(const uint8_t *data, size_t size, char path[64]);

#endif
