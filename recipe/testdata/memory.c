/* Compares the functions of data/cpython/memory.c, which the compiler's flags call ours_NAME here, with those of this machine's libc. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *ours_memmove(void *, const void *, size_t);
int ours_memcmp(const void *, const void *, size_t);
#if defined(__x86_64__)
void *ours_memcpy(void *, const void *, size_t);
void *ours_memset(void *, int, size_t);
void *ours_memchr(const void *, int, size_t);
void *ours_memrchr(const void *, int, size_t);
size_t ours_strlen(const char *);
#else
#define ours_memcpy memcpy
#define ours_memset memset
#define ours_memchr memchr
#define ours_memrchr memrchr
#define ours_strlen strlen
#endif

enum { PAGE = 4096, SIZE = 4 * PAGE };
static unsigned char libc[SIZE], ours[SIZE];

static int sign(int x) { return (x > 0) - (x < 0); }

static void expect(int right, const char *what, size_t to, size_t from, size_t n)
{
	if (!right) {
		fprintf(stderr, "%s(%zu, %zu, %zu) differs from that of libc\n", what, to, from, n);
		exit(1);
	}
}

static void moves(size_t to, size_t from, size_t n)
{
	memmove(libc + to, libc + from, n);
	void *answer = ours_memmove(ours + to, ours + from, n);
	expect(answer == ours + to && !memcmp(libc, ours, SIZE), "memmove", to, from, n);
	if (to + n <= from || from + n <= to) {
		answer = ours_memcpy(ours + to, ours + from, n);
		expect(answer == ours + to && !memcmp(libc, ours, SIZE), "memcpy", to, from, n);
	}
}

static void fills(size_t to, int value, size_t n)
{
	memset(libc + to, value, n);
	void *answer = ours_memset(ours + to, value, n);
	expect(answer == ours + to && !memcmp(libc, ours, SIZE), "memset", to, 0, n);
}

static void compares(size_t left, size_t right, size_t n)
{
	expect(sign(memcmp(libc + left, libc + right, n)) == sign(ours_memcmp(libc + left, libc + right, n)), "memcmp", left, right, n);
}

static void searches(size_t from, int value, size_t n)
{
	expect(memchr(libc + from, value, n) == ours_memchr(libc + from, value, n), "memchr", from, value, n);
	expect(memrchr(libc + from, value, n) == ours_memrchr(libc + from, value, n), "memrchr", from, value, n);
	libc[SIZE - 1] = ours[SIZE - 1] = 0;
	expect(strlen((char *)libc + from) == ours_strlen((char *)libc + from), "strlen", from, 0, 0);
}

/* With pages before and after that nobody may read: a byte too far is a signal. */
static void edges(void)
{
	char *page = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || mprotect(page, PAGE, PROT_NONE) || mprotect(page + 2 * PAGE, PAGE, PROT_NONE)) {
		perror("mmap");
		exit(1);
	}
	page += PAGE;
	memset(page, 'a', PAGE);
	for (size_t n = 0; n < 600; n++) {
		char *last = page + PAGE - n;
		ours_memcpy(page, last, n);
		ours_memmove(last, page, n);
		ours_memset(page, 'a', n);
		ours_memset(last, 'a', n);
		int found = ours_memcmp(page, last, n) || ours_memchr(page, 'b', n) || ours_memchr(last, 'b', n) || ours_memrchr(page, 'b', n) ||
			ours_memrchr(last, 'b', n);
		expect(!found, "memcmp or memchr at the edge of a page", 0, 0, n);
		if (n) {
			page[PAGE - 1] = 0;
			expect(ours_strlen(last) == n - 1, "strlen at the edge of a page", 0, 0, n);
			page[PAGE - 1] = 'a';
		}
	}
	expect(ours_memchr(page + 10, 'a', (size_t)-1) == page + 10, "memchr without an end", 0, 0, (size_t)-1);
}

int main(void)
{
	edges();
	for (int i = 0; i < 100000; i++) {
		if (i % 64 == 0) {
			for (int k = 0; k < SIZE; k++)
				libc[k] = i % 128 ? random() % 3 : random();
			memcpy(ours, libc, SIZE);
		}
		size_t n = random() % (i % 5 ? 200 : i % 50 ? 1200 : 7000), to = random() % 1400, from = random() % (i % 4 ? 1400 : 9000);
		if (i % 3 == 0)
			from = to + random() % 64; /* near each other */
		moves(to, from, n);
		moves(from, to, n);
		if (i % 7 == 0)
			fills(to, (int)random(), n);
		compares(to, from, n);
		if (n)
			libc[to + random() % n] ^= 1 << random() % 8, memcpy(ours, libc, SIZE);
		compares(to, from, n);
		compares(from, to, n);
		searches(to, libc[random() % SIZE], n);
	}
	return 0;
}
