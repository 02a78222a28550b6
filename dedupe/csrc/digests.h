/* Digests: text/normal.py, digest_texts. */
#pragma once

#include "common.h"

static const uint64_t BLAKE_START[8] = {0x6A09E667F3BCC908u, 0xBB67AE8584CAA73Bu, 0x3C6EF372FE94F82Bu, 0xA54FF53A5F1D36F1u,
                                        0x510E527FADE682D1u, 0x9B05688C2B3E6C1Fu, 0x1F83D9ABFB41BD6Bu, 0x5BE0CD19137E2179u};

#define BLAKE_MIX(a, b, c, d, x, y)                                                                                         \
    do {                                                                                                                    \
        a += b + m[x];                                                                                                      \
        d = ROTATE64(d ^ a, 32);                                                                                            \
        c += d;                                                                                                             \
        b = ROTATE64(b ^ c, 24);                                                                                            \
        a += b + m[y];                                                                                                      \
        d = ROTATE64(d ^ a, 16);                                                                                            \
        c += d;                                                                                                             \
        b = ROTATE64(b ^ c, 63);                                                                                            \
    } while (0)

#define BLAKE_ROUND(i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, i10, i11, i12, i13, i14, i15)                                    \
    do {                                                                                                                    \
        BLAKE_MIX(v[0], v[4], v[8], v[12], i0, i1);                                                                         \
        BLAKE_MIX(v[1], v[5], v[9], v[13], i2, i3);                                                                         \
        BLAKE_MIX(v[2], v[6], v[10], v[14], i4, i5);                                                                        \
        BLAKE_MIX(v[3], v[7], v[11], v[15], i6, i7);                                                                        \
        BLAKE_MIX(v[0], v[5], v[10], v[15], i8, i9);                                                                        \
        BLAKE_MIX(v[1], v[6], v[11], v[12], i10, i11);                                                                      \
        BLAKE_MIX(v[2], v[7], v[8], v[13], i12, i13);                                                                       \
        BLAKE_MIX(v[3], v[4], v[9], v[14], i14, i15);                                                                       \
    } while (0)

#define BLAKE_ROUNDS                                                                                                        \
    do {                                                                                                                    \
        BLAKE_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);                                                  \
        BLAKE_ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);                                                  \
        BLAKE_ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);                                                  \
        BLAKE_ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);                                                  \
        BLAKE_ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);                                                  \
        BLAKE_ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);                                                  \
        BLAKE_ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);                                                  \
        BLAKE_ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);                                                  \
        BLAKE_ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);                                                  \
        BLAKE_ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);                                                  \
        BLAKE_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);                                                  \
        BLAKE_ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);                                                  \
    } while (0)

#define MESSAGES 4 /* digested side by side */

/* A message of which so much is left; `taken` bytes of it have been read. */
typedef struct {
    const uint8_t *at;
    int64_t left, taken;
    uint8_t last[128]; /* the last block, filled up with zeros */
} Message;

/* The next block of a message, its last one if there is none. */
static inline const uint8_t *next_block(Message *message)
{
    const uint8_t *block = message->left > 128 ? message->at : message->last;
    int64_t size = message->left > 128 ? 128 : message->left;
    message->at += size;
    message->left -= size;
    message->taken += size;
    return block;
}

static int64_t count_blocks(int64_t size) { return size ? (size + 127) / 128 : 1; }

/* One after the other; `h` as BLAKE2b (RFC 7693) starts. */
#define ROTATE64(x, bits) ((x) >> (bits) | (x) << (64 - (bits)))

static void blake_plain(Message *message, uint64_t *h)
{
    for (int64_t block = count_blocks(message->left); block > 0; block--) {
        const uint8_t *p = next_block(message);
        uint64_t m[16], v[16];
        for (int i = 0; i < 16; i++) {
            m[i] = load64(p + 8 * i);
            v[i] = i < 8 ? h[i] : BLAKE_START[i - 8];
        }
        v[12] ^= (uint64_t)message->taken;
        v[14] ^= block == 1 ? ~(uint64_t)0 : 0;
        BLAKE_ROUNDS;
        for (int i = 0; i < 8; i++)
            h[i] ^= v[i] ^ v[i + 8];
    }
}

#ifdef AVX2

typedef uint64_t Lanes64 __attribute__((vector_size(8 * MESSAGES)));

/* Of each message, as long as it has blocks. */
INLINE_AVX2 void blake_together(Message *messages, uint64_t (*h)[8])
{
    int64_t blocks[MESSAGES], most = 0;
    Lanes64 held[8], m[16], v[16], lasts = {0}, goes_on = {0};
    for (int l = 0; l < MESSAGES; l++) {
        blocks[l] = count_blocks(messages[l].left);
        most = blocks[l] > most ? blocks[l] : most;
        for (int i = 0; i < 8; i++)
            held[i][l] = h[l][i];
    }
    for (int64_t block = 0; block < most; block++) {
        const uint8_t *p[MESSAGES];
        for (int l = 0; l < MESSAGES; l++) {
            p[l] = next_block(&messages[l]);
            lasts[l] = block + 1 == blocks[l] ? ~(uint64_t)0 : 0;
            goes_on[l] = block < blocks[l] ? ~(uint64_t)0 : 0;
        }
        for (int i = 0; i < 16; i++)
            m[i] = (Lanes64){load64(p[0] + 8 * i), load64(p[1] + 8 * i), load64(p[2] + 8 * i), load64(p[3] + 8 * i)};
        for (int i = 0; i < 8; i++) {
            v[i] = held[i];
            v[i + 8] = (Lanes64){0} + BLAKE_START[i];
        }
        v[12] ^= (Lanes64){(uint64_t)messages[0].taken, (uint64_t)messages[1].taken, (uint64_t)messages[2].taken, (uint64_t)messages[3].taken};
        v[14] ^= lasts;
        BLAKE_ROUNDS;
        for (int i = 0; i < 8; i++)
            held[i] ^= (v[i] ^ v[i + 8]) & goes_on;
    }
    for (int l = 0; l < MESSAGES; l++)
        for (int i = 0; i < 8; i++)
            h[l][i] = held[i][l];
}

AVX2 static void blake_side_by_side(Message *messages, uint64_t (*h)[8]) { blake_together(messages, h); }

#ifdef AVX512
AVX512 static void blake_rotating(Message *messages, uint64_t (*h)[8]) { blake_together(messages, h); }
#else
#define blake_rotating blake_side_by_side
#endif

#endif

/* The BLAKE2b digests of 16 bytes of at most MESSAGES spans of a buffer. */
static void digest_spans(const uint8_t *buffer, const int64_t *begins, const int64_t *lengths, int count, uint8_t *digests)
{
    Message messages[MESSAGES];
    uint64_t h[MESSAGES][8];
    for (int l = 0; l < MESSAGES; l++) {
        Message *message = &messages[l];
        message->at = l < count ? buffer + begins[l] : buffer;
        message->left = l < count ? lengths[l] : 0;
        message->taken = 0;
        int64_t rest = message->left - 128 * (count_blocks(message->left) - 1);
        memset(message->last, 0, sizeof message->last);
        memcpy(message->last, message->at + message->left - rest, (size_t)rest);
        memcpy(h[l], BLAKE_START, sizeof h[l]);
        h[l][0] ^= 0x01010000u ^ 16; /* no key, 16 bytes */
    }
#ifdef AVX2
    if (has_avx2)
        (has_avx512 ? blake_rotating : blake_side_by_side)(messages, h);
    else
#endif
        for (int l = 0; l < count; l++)
            blake_plain(&messages[l], h[l]);
    for (int i = 0; i < 16 * count; i++)
        digests[i] = (uint8_t)(h[i / 16][i / 8 % 2] >> 8 * (i % 8));
}

PyDoc_STRVAR(digest_doc, "digest(buffer, begins, lengths, digests): fills the BLAKE2b digest of 16 bytes of each span (int64 begins, lengths).");

static PyObject *digest(PyObject *module, PyObject *args)
{
    Py_buffer v[4] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*w*", &v[0], &v[1], &v[2], &v[3]))
        return NULL;
    const int64_t *begins = v[1].buf, *lengths = v[2].buf;
    uint8_t *digests = v[3].buf;
    Py_ssize_t count = COUNT(v[1], int64_t);
    if (COUNT(v[2], int64_t) != count || v[3].len != 16 * count)
        return finish(v, 4, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < count; i++)
        if (begins[i] < 0 || lengths[i] < 0 || lengths[i] > v[0].len || begins[i] > v[0].len - lengths[i])
            error = BAD_OFFSETS;
    for (Py_ssize_t i = 0; i < count && !error; i += MESSAGES)
        digest_spans(v[0].buf, begins + i, lengths + i, count - i < MESSAGES ? (int)(count - i) : MESSAGES, digests + 16 * i);
    Py_END_ALLOW_THREADS
    return finish(v, 4, count, error);
}
