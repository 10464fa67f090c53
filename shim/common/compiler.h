/* The only general macros of the project. No logic lives here. */
#ifndef GS_COMPILER_H
#define GS_COMPILER_H

#define GS_EXPORT __attribute__((visibility("default"), used))
#define GS_HIDDEN __attribute__((visibility("hidden")))
#define GS_COLD __attribute__((cold, noinline))
/* Laid beside each other: after a wait a thread finds nothing of ours in its caches. */
#define GS_HOT __attribute__((hot))
/* What is small fills one line of them, not parts of two. */
#define GS_IN_A_LINE __attribute__((aligned(64)))
#define GS_NOINLINE __attribute__((noinline))
#define GS_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define GS_LIKELY(x) __builtin_expect(!!(x), 1)
#define GS_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define GS_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Thread-local storage of a guest: initial-exec never calls malloc, not even at the first touch in
 * a signal handler, and costs one load. All of it together stays under 512 bytes. */
#define GS_TLS __thread __attribute__((tls_model("initial-exec")))

/* GS_EACH(M, ctx, a, b, c) expands to M(ctx, a) M(ctx, b) M(ctx, c), for 1 to 24 names. */
#define GS_EACH(M, ctx, ...)                                                                    \
	GS_EACH_(GS_EACH_N(__VA_ARGS__, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, \
			 10, 9, 8, 7, 6, 5, 4, 3, 2, 1),                                        \
		M, ctx, __VA_ARGS__)
#define GS_EACH_N(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, _17, _18, \
	_19, _20, _21, _22, _23, _24, n, ...)                                                      \
	n
#define GS_EACH_(n, M, ctx, ...) GS_EACH__(n, M, ctx, __VA_ARGS__)
#define GS_EACH__(n, M, ctx, ...) GS_EACH_##n(M, ctx, __VA_ARGS__)
#define GS_EACH_1(M, c, a) M(c, a)
#define GS_EACH_2(M, c, a, ...) M(c, a) GS_EACH_1(M, c, __VA_ARGS__)
#define GS_EACH_3(M, c, a, ...) M(c, a) GS_EACH_2(M, c, __VA_ARGS__)
#define GS_EACH_4(M, c, a, ...) M(c, a) GS_EACH_3(M, c, __VA_ARGS__)
#define GS_EACH_5(M, c, a, ...) M(c, a) GS_EACH_4(M, c, __VA_ARGS__)
#define GS_EACH_6(M, c, a, ...) M(c, a) GS_EACH_5(M, c, __VA_ARGS__)
#define GS_EACH_7(M, c, a, ...) M(c, a) GS_EACH_6(M, c, __VA_ARGS__)
#define GS_EACH_8(M, c, a, ...) M(c, a) GS_EACH_7(M, c, __VA_ARGS__)
#define GS_EACH_9(M, c, a, ...) M(c, a) GS_EACH_8(M, c, __VA_ARGS__)
#define GS_EACH_10(M, c, a, ...) M(c, a) GS_EACH_9(M, c, __VA_ARGS__)
#define GS_EACH_11(M, c, a, ...) M(c, a) GS_EACH_10(M, c, __VA_ARGS__)
#define GS_EACH_12(M, c, a, ...) M(c, a) GS_EACH_11(M, c, __VA_ARGS__)
#define GS_EACH_13(M, c, a, ...) M(c, a) GS_EACH_12(M, c, __VA_ARGS__)
#define GS_EACH_14(M, c, a, ...) M(c, a) GS_EACH_13(M, c, __VA_ARGS__)
#define GS_EACH_15(M, c, a, ...) M(c, a) GS_EACH_14(M, c, __VA_ARGS__)
#define GS_EACH_16(M, c, a, ...) M(c, a) GS_EACH_15(M, c, __VA_ARGS__)
#define GS_EACH_17(M, c, a, ...) M(c, a) GS_EACH_16(M, c, __VA_ARGS__)
#define GS_EACH_18(M, c, a, ...) M(c, a) GS_EACH_17(M, c, __VA_ARGS__)
#define GS_EACH_19(M, c, a, ...) M(c, a) GS_EACH_18(M, c, __VA_ARGS__)
#define GS_EACH_20(M, c, a, ...) M(c, a) GS_EACH_19(M, c, __VA_ARGS__)
#define GS_EACH_21(M, c, a, ...) M(c, a) GS_EACH_20(M, c, __VA_ARGS__)
#define GS_EACH_22(M, c, a, ...) M(c, a) GS_EACH_21(M, c, __VA_ARGS__)
#define GS_EACH_23(M, c, a, ...) M(c, a) GS_EACH_22(M, c, __VA_ARGS__)
#define GS_EACH_24(M, c, a, ...) M(c, a) GS_EACH_23(M, c, __VA_ARGS__)

#endif
