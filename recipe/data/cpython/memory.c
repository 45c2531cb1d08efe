/* Functions of ISO C (and memrchr) that move, fill, compare and search memory, in place of musl's, for the interpreter and for the
 * extension modules that it loads. On x86_64 musl's memcpy starts a "rep movsq" for each copy, also of a few bytes, and its memmove moves
 * a byte at a time where it moves up. On both architectures its memcmp compares a byte at a time. A sort of texts spends a third of its
 * time there. Nothing is used that any x86_64 or aarch64 processor lacks.
 *
 * Compile this without link-time optimization and with -ffreestanding -fno-tree-loop-distribute-patterns, so that no loop becomes a call
 * of the function that it is in. */
#if defined(__x86_64__) || defined(__aarch64__)

#include <stddef.h>
#include <stdint.h>

typedef unsigned char byte;
typedef uint16_t u16 __attribute__((aligned(1), may_alias));
typedef uint32_t u32 __attribute__((aligned(1), may_alias));
typedef uint64_t u64 __attribute__((aligned(1), may_alias));
typedef byte vec __attribute__((vector_size(16)));
typedef vec loose __attribute__((aligned(1), may_alias));
typedef vec block __attribute__((may_alias));

#define LOAD(p) (*(const loose *)(p))
#define STORE(p, v) (*(loose *)(p) = (v))
#define BLOCK(p) (*(block *)(p))

/* All is read before anything is written, so the areas may overlap. */
static inline __attribute__((always_inline)) void move_up_to_128(byte *d, const byte *s, size_t n)
{
	if (n <= 16) {
		if (n >= 8) {
			uint64_t a = *(const u64 *)s, b = *(const u64 *)(s + n - 8);
			*(u64 *)d = a, *(u64 *)(d + n - 8) = b;
		} else if (n >= 4) {
			uint32_t a = *(const u32 *)s, b = *(const u32 *)(s + n - 4);
			*(u32 *)d = a, *(u32 *)(d + n - 4) = b;
		} else if (n >= 2) {
			uint16_t a = *(const u16 *)s, b = *(const u16 *)(s + n - 2);
			*(u16 *)d = a, *(u16 *)(d + n - 2) = b;
		} else if (n) {
			*d = *s;
		}
		return;
	}
	vec a = LOAD(s), z = LOAD(s + n - 16);
	if (n > 32) {
		vec b = LOAD(s + 16), y = LOAD(s + n - 32);
		if (n > 64) {
			vec c = LOAD(s + 32), e = LOAD(s + 48), w = LOAD(s + n - 64), x = LOAD(s + n - 48);
			STORE(d + 32, c), STORE(d + 48, e), STORE(d + n - 64, w), STORE(d + n - 48, x);
		}
		STORE(d + 16, b), STORE(d + n - 32, y);
	}
	STORE(d, a), STORE(d + n - 16, z);
}

static __attribute__((noinline)) void *move_long(byte *d, const byte *s, size_t n)
{
	byte *to = d;
#if defined(__x86_64__)
	/* The processor itself is fastest at long moves between areas that do not overlap. */
	if (n >= 4096 && (uintptr_t)d - (uintptr_t)s >= n && (uintptr_t)s - (uintptr_t)d >= n) {
		vec first = LOAD(s), last = LOAD(s + n - 16);
		byte *end = d + n;
		size_t skip = 16 - ((uintptr_t)d & 15), words = (n - skip) / 8;
		d += skip, s += skip;
		__asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
		STORE(end - 16, last), STORE(to, first);
		return to;
	}
#endif
	if ((uintptr_t)d - (uintptr_t)s >= n) { /* from the front: what is written was read before, or is never read */
		vec first = LOAD(s);
		vec a = LOAD(s + n - 64), b = LOAD(s + n - 48), c = LOAD(s + n - 32), e = LOAD(s + n - 16);
		byte *end = d + n - 64;
		size_t skip = 16 - ((uintptr_t)d & 15);
		d += skip, s += skip;
		for (; d < end; d += 64, s += 64) {
			vec w = LOAD(s), x = LOAD(s + 16), y = LOAD(s + 32), z = LOAD(s + 48);
			BLOCK(d) = w, BLOCK(d + 16) = x;
			BLOCK(d + 32) = y, BLOCK(d + 48) = z;
		}
		STORE(end, a), STORE(end + 16, b), STORE(end + 32, c), STORE(end + 48, e);
		STORE(to, first);
		return to;
	}
	vec last = LOAD(s + n - 16);
	vec a = LOAD(s), b = LOAD(s + 16), c = LOAD(s + 32), e = LOAD(s + 48);
	byte *end = d + n;
	size_t skip = (uintptr_t)end & 15;
	d = end - skip, s += n - skip;
	while (d > to + 64) {
		d -= 64, s -= 64;
		vec w = LOAD(s), x = LOAD(s + 16), y = LOAD(s + 32), z = LOAD(s + 48);
		BLOCK(d) = w, BLOCK(d + 16) = x;
		BLOCK(d + 32) = y, BLOCK(d + 48) = z;
	}
	STORE(to, a), STORE(to + 16, b), STORE(to + 32, c), STORE(to + 48, e);
	STORE(end - 16, last);
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	if (n <= 128) {
		move_up_to_128(to, from, n);
		return to;
	}
	return move_long(to, from, n);
}

/* The bytes of a number in memory come in ascending order, so its order as a text is that of its bytes turned round. */
static inline int order(uint64_t a, uint64_t b)
{
	a = __builtin_bswap64(a), b = __builtin_bswap64(b);
	return a < b ? -1 : a > b;
}

int memcmp(const void *left, const void *right, size_t n)
{
	const byte *a = left, *b = right;
	if (n >= 8) {
		size_t last = n - 8; /* where the last 8 bytes begin; some may be compared twice */
		for (size_t i = 0; i < last; i += 8) {
			uint64_t x = *(const u64 *)(a + i), y = *(const u64 *)(b + i);
			if (x != y)
				return order(x, y);
		}
		return order(*(const u64 *)(a + last), *(const u64 *)(b + last));
	}
	if (n >= 4) {
		uint64_t x = *(const u32 *)a, y = *(const u32 *)b;
		if (x == y)
			x = *(const u32 *)(a + n - 4), y = *(const u32 *)(b + n - 4);
		return order(x, y);
	}
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i])
			return a[i] - b[i];
	return 0;
}

/* On aarch64 musl's own versions of these are fast. */
#if defined(__x86_64__)

#include <emmintrin.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	if (n <= 128) {
		move_up_to_128(to, from, n);
		return to;
	}
	return move_long(to, from, n);
}

void *memset(void *to, int value, size_t n)
{
	byte *d = to;
	uint64_t eight = (byte)value * UINT64_C(0x0101010101010101);
	if (n <= 16) {
		if (n >= 8) {
			*(u64 *)d = eight, *(u64 *)(d + n - 8) = eight;
		} else if (n >= 4) {
			*(u32 *)d = (uint32_t)eight, *(u32 *)(d + n - 4) = (uint32_t)eight;
		} else if (n >= 2) {
			*(u16 *)d = (uint16_t)eight, *(u16 *)(d + n - 2) = (uint16_t)eight;
		} else if (n) {
			*d = (byte)value;
		}
		return to;
	}
	vec v = (vec)_mm_set1_epi64x((long long)eight);
	byte *end = d + n;
	STORE(d, v), STORE(end - 16, v);
	if (n <= 32)
		return to;
	STORE(d + 16, v), STORE(end - 32, v);
	if (n <= 64)
		return to;
	STORE(d + 32, v), STORE(d + 48, v), STORE(end - 48, v), STORE(end - 64, v);
	for (d = (byte *)(((uintptr_t)d + 64) & ~(uintptr_t)15); d < end - 64; d += 64) {
		BLOCK(d) = v, BLOCK(d + 16) = v;
		BLOCK(d + 32) = v, BLOCK(d + 48) = v;
	}
	return to;
}

/* Which of 16 aligned bytes are equal to those of v: a bit for each. Such a read crosses into no other page, so bytes before the first
 * and after the last one may be read; they do not count. */
#define EQUAL(p, v) ((unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(*(const __m128i *)(p), (v))))

void *memchr(const void *from, int value, size_t n)
{
	if (!n)
		return NULL;
	const byte *s = from;
	const byte *end = n > UINTPTR_MAX - (uintptr_t)s ? (const byte *)UINTPTR_MAX : s + n;
	__m128i v = _mm_set1_epi8((char)value);
	const byte *p = (const byte *)((uintptr_t)s & ~(uintptr_t)15);
	unsigned found = EQUAL(p, v) & (0xffffu << ((uintptr_t)s & 15));
	for (;;) {
		if (found) {
			p += __builtin_ctz(found);
			return p < end ? (void *)p : NULL;
		}
		if ((size_t)(end - p) <= 16)
			return NULL;
		p += 16;
		found = EQUAL(p, v);
	}
}

void *memrchr(const void *from, int value, size_t n)
{
	if (!n)
		return NULL;
	const byte *s = from, *last = s + n - 1;
	__m128i v = _mm_set1_epi8((char)value);
	const byte *p = (const byte *)((uintptr_t)last & ~(uintptr_t)15);
	unsigned found = EQUAL(p, v) & (0xffffu >> (15 - ((uintptr_t)last & 15)));
	for (;;) {
		if (found) {
			p += 31 - __builtin_clz(found);
			return p >= s ? (void *)p : NULL;
		}
		if (p <= s)
			return NULL;
		p -= 16;
		found = EQUAL(p, v);
	}
}

size_t strlen(const char *text)
{
	const byte *s = (const byte *)text, *p = (const byte *)((uintptr_t)s & ~(uintptr_t)15);
	__m128i zero = _mm_setzero_si128();
	unsigned found = EQUAL(p, zero) & (0xffffu << ((uintptr_t)s & 15));
	while (!found)
		p += 16, found = EQUAL(p, zero);
	return (size_t)(p + __builtin_ctz(found) - s);
}

#endif
#endif
