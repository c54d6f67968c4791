/* Lines at level error from inside the application; see report.h. */
#include "report.h"

#include "config.h"
#include "pair.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
	bool open;
	dev_t device;
	ino_t inode;
} standard_error;

/* A service of inetd has its client there, whom our lines are none of his
 * business; only the sockets of loggers (AF_UNIX) are for lines. */
static bool is_connection(const struct stat *file)
{
	struct xs_pair_info pair;
	int family = AF_UNIX;
	socklen_t len = sizeof(family);

	if (!S_ISSOCK(file->st_mode))
		return false;
	getsockopt(STDERR_FILENO, SOL_SOCKET, SO_DOMAIN, &family, &len);
	return family != AF_UNIX || xs_pair_read(STDERR_FILENO, &pair);
}

void xs_report_prepare(void)
{
	struct stat file;

	standard_error.open = fstat(STDERR_FILENO, &file) == 0 &&
			      !is_connection(&file);
	standard_error.device = file.st_dev;
	standard_error.inode = file.st_ino;
}

int xs_report_descriptor(void)
{
	struct stat file;
	int saved = errno;
	bool same;

	if (xs_config.log.level < XS_LOG_ERROR || !standard_error.open)
		return -1;
	same = fstat(STDERR_FILENO, &file) == 0 &&
	       file.st_dev == standard_error.device &&
	       file.st_ino == standard_error.inode;
	errno = saved;
	return same ? STDERR_FILENO : -1;
}

const char *xs_report_asked(char text[XS_REPORT_ASKED_MAX],
			    const struct xs_address *asked, const char *name)
{
	if (name[0])
		snprintf(text, XS_REPORT_ASKED_MAX, "%s:%u", name,
			 xs_address_port(asked));
	else
		xs_address_format(asked, text, XS_REPORT_ASKED_MAX);
	return text;
}

const char *xs_report_rule(char text[XS_REPORT_RULE_MAX],
			   const struct xs_rule *rule)
{
	snprintf(text, XS_REPORT_RULE_MAX, "%s %s", rule->place, rule->text);
	return text;
}

static void write_line(const struct xs_log_subject *subject,
		       const char *sentence)
{
	char line[XS_LOG_LINE_MAX];

	if (xs_config.log.level < XS_LOG_ERROR)
		return;
	xs_log_write(xs_config.log.dest, xs_report_descriptor(), XS_LOG_ERROR,
		     line, xs_log_format(line, subject, sentence));
}

void xs_report_failure(const struct xs_address *asked,
		       const struct xs_decision *decision,
		       const struct xs_error *err)
{
	char what[XS_REPORT_ASKED_MAX], rule[XS_REPORT_RULE_MAX];
	const struct xs_rule *about = decision->unknown ? decision->unknown :
							  decision->rule;
	const struct xs_log_subject subject = {
		.program = program_invocation_short_name,
		.pid = getpid(),
		.asked = xs_report_asked(what, asked, decision->name),
		.rule = about ? xs_report_rule(rule, about) : NULL,
	};

	write_line(&subject, err->text);
}

void xs_report_lost(const struct xs_address *asked)
{
	char what[XS_REPORT_ASKED_MAX];
	const struct xs_log_subject subject = {
		.program = program_invocation_short_name,
		.pid = getpid(),
		.asked = xs_report_asked(what, asked, ""),
	};

	write_line(&subject, XS_REPORT_LOST);
}

void xs_report_process(const char *sentence)
{
	const struct xs_log_subject subject = {
		.program = program_invocation_short_name,
		.pid = getpid(),
	};

	write_line(&subject, sentence);
}
