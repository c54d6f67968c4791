/* What every watcher of starttls:// does where TLS does not come: the server
 * refuses it, or the application does without; see watch.h. */
#include "relay/starttls/watch.h"

enum xs_dialogue_result xs_watch_refused(struct xs_dialogue *dialogue,
					 const char *said, struct xs_error *err)
{
	dialogue->asked = false;
	if (dialogue->setup.optional)
		return XS_DIALOGUE_MORE;
	return xs_dialogue_refused(dialogue, said, err);
}

enum xs_dialogue_result xs_watch_plaintext(struct xs_dialogue *dialogue,
					   const char *what,
					   struct xs_error *err)
{
	if (dialogue->setup.optional)
		return XS_DIALOGUE_PASS;
	return xs_dialogue_broken(
		dialogue, err,
		"the application sends %s without having asked for TLS (does "
		"it do STARTTLS? for one that does not, the rule is "
		"PROTOCOL+starttls://)",
		what);
}
