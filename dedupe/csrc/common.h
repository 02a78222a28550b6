/* What all parts of the kernel share: instruction sets, small arithmetic, arguments of functions and their errors. */
#pragma once

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The hot loops are compiled for several instruction sets where the dynamic linker can choose among them. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__)
#define FOR_EACH_CPU __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_CPU
#endif

/* What the compiler does not make of plain loops is written out for processors with AVX2; `has_avx2` says whether this is one. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(PLAIN_LOOPS)
#include <immintrin.h>
#define AVX2 __attribute__((target("avx2,bmi,popcnt")))
#define INLINE_AVX2 AVX2 static inline __attribute__((always_inline))
static int has_avx2;
/* Some of it again for those that also compress and rotate in one step. */
#if !defined(NO_AVX512) && (__GNUC__ >= 9 || defined(__clang__))
#define AVX512 __attribute__((target("avx2,bmi,bmi2,popcnt,avx512f,avx512bw,avx512vl,avx512vbmi2")))
static int has_avx512;
#else
#define has_avx512 0
#endif
#endif

#define LANES 16         /* numbers that loops take side by side */
#define LONGEST_WORD 128 /* code points; text/normal.py */
#define LONGEST_FORM 4   /* words; text/classes.py */
#define BLOCK 256        /* code points of a block of forms */
#define BLOCKS 0x1100
#define HEAD (2 * (BLOCK + 1) + 2 * BLOCK) /* bytes before the forms themselves */
/* What is known of a character's neighbours: text/normal.py, _describe_neighbours */
#define LAST_CLASS 0xFFu
#define REORDERS 0x100u
#define COMPOSES 0x200u
#define TAKES_MARKS 0x400u

static const uint32_t P1 = 0x9E3779B1, P2 = 0x85EBCA77, P3 = 0xC2B2AE3D, P4 = 0x27D4EB2F, P5 = 0x165667B1;

static inline uint32_t rotate(uint32_t x, int bits) { return x << bits | x >> (32 - bits); }

static inline uint32_t load32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint32_t offset_of(const uint8_t *forms, uint32_t place)
{
    return (uint32_t)forms[2 * place] | (uint32_t)forms[2 * place + 1] << 8;
}

static inline uint32_t manner_of(const uint8_t *forms, uint32_t place) { return offset_of(forms + 2 * (BLOCK + 1), place); }

static inline uint64_t load64(const uint8_t *p) { return (uint64_t)load32(p) | (uint64_t)load32(p + 4) << 32; }

/* The finaliser of splitmix64 after each of two numbers. */
static inline uint64_t mix64(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xBF58476D1CE4E5B9u;
    x ^= x >> 27;
    x *= 0x94D049BB133111EBu;
    return x ^ x >> 31;
}


/* The number of items of some size in a buffer. */
#define COUNT(view, type) ((Py_ssize_t)((view).len / (Py_ssize_t)sizeof(type)))

static int is_power_of_two(Py_ssize_t size) { return size > 0 && !(size & (size - 1)); }

static int are_offsets(const int64_t *offsets, Py_ssize_t count, int64_t limit)
{
    if (count < 1 || offsets[0] < 0 || offsets[count - 1] > limit)
        return 0;
    for (Py_ssize_t i = 1; i < count; i++)
        if (offsets[i] < offsets[i - 1])
            return 0;
    return 1;
}

/* Whether a row and its end are among the offsets, and its values among so many. */
static inline int is_row(const int64_t *offsets, Py_ssize_t rows, int64_t limit, int64_t row)
{
    return row >= 0 && row < rows && offsets[row] >= 0 && offsets[row] <= offsets[row + 1] && offsets[row + 1] <= limit;
}

static void release(Py_buffer *views, int count)
{
    for (int i = 0; i < count; i++)
        if (views[i].obj)
            PyBuffer_Release(&views[i]);
}

/* Ends a function: releases the views, and raises or gives back a number. */
static PyObject *finish(Py_buffer *views, int count, Py_ssize_t result, const char *error)
{
    release(views, count);
    if (error) {
        PyErr_SetString(error[0] == '!' ? PyExc_MemoryError : PyExc_ValueError, error[0] == '!' ? error + 1 : error);
        return NULL;
    }
    return PyLong_FromSsize_t(result);
}

static const char *const BAD_SIZES = "the arrays do not fit each other";
static const char *const BAD_OFFSETS = "offsets must ascend and lie inside the array";
static const char *const BAD_TEXT = "the text is no UTF-8 that fits";
static const char *const UNFOLDED = "a text must be folded first: it holds what combines or is not in the forms";
static const char *const NO_MEMORY = "!out of memory";

static PyObject *bytearray_of(const void *data, int64_t size)
{
    return PyByteArray_FromStringAndSize(data, (Py_ssize_t)size);
}
