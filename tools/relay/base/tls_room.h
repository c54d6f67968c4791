/* How much longer and shorter bytes get in TLS: the sizes of buffers.
 *
 * Only arithmetic, so that the owner of a buffer can make it large enough
 * without knowing TLS.
 */
#ifndef XS_TLS_ROOM_H
#define XS_TLS_ROOM_H

/* Room in xs_tls_io's out that lets a call with so many bytes of plaintext or
 * ciphertext never run out: a record of 16 KiB gets at most 2 KiB longer (RFC
 * 5246, 6.2.3), and the least record that has an answer, a KeyUpdate, gets one
 * of its own length. */
#define XS_TLS_OUT_ROOM(bytes) ((bytes) + (bytes) / 8 + 16384)

/* Room for the plaintext of so many bytes of ciphertext: what the call gets
 * and a record that lay half received in OpenSSL. */
#define XS_TLS_PLAIN_ROOM(bytes) ((bytes) + 18 * 1024)

#endif
