/* The identifiers of lines: short words that stay, however a sentence is
 * written.  The table is message.def.
 *
 * An identifier is found by the sentence, so who writes a line need not know of
 * it.  (What a server or certificate says stands within some sentences, and may
 * look like the rest of another row with the same beginning.  So an identifier
 * helps to sort lines, and decides nothing.)
 *
 * Pure: any thread, any signal context.
 */
#ifndef XS_MESSAGE_H
#define XS_MESSAGE_H

/* "certificate-expired"; "other" if no row is about the sentence. */
const char *xs_message_id(const char *sentence);

#endif
