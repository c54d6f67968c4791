/* Reading a "#!" line; see script.h. */
#include "base/script.h"

#include <string.h>
#include <unistd.h>

static char *skip_blanks(char *at)
{
	return at + strspn(at, " \t");
}

bool xs_script_read(int fd, struct xs_script *script)
{
	ssize_t got = pread(fd, script->line, XS_SCRIPT_LINE_MAX, 0);
	char *end;

	if (got < 2 || memcmp(script->line, "#!", 2) != 0)
		return false;
	script->line[got] = '\0';
	script->line[strcspn(script->line, "\n")] = '\0';
	script->interpreter = skip_blanks(script->line + 2);
	end = script->interpreter + strcspn(script->interpreter, " \t");
	script->argument = skip_blanks(end);
	if (*script->argument == '\0')
		script->argument = NULL;
	*end = '\0';
	return true;
}
