/* Lines from inside the application; see report.h. */
#include "connect/report.h"

#include "base/descriptor.h"
#include "base/pair.h"
#include "connect/behalf.h"
#include "connect/environment.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Where lines go; NULL: nowhere yet. */
static const struct xs_log *log_to;

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
	int family;

	if (!S_ISSOCK(file->st_mode))
		return false;
	family = xs_socket_int(STDERR_FILENO, SOL_SOCKET, SO_DOMAIN);
	return (family >= 0 && family != AF_UNIX) ||
	       xs_pair_read(STDERR_FILENO, &pair);
}

/* What a daemon has where it has no standard error. */
static bool is_null_device(const struct stat *file)
{
	return S_ISCHR(file->st_mode) && file->st_rdev == makedev(1, 3);
}

void xs_report_start(const struct xs_log *log)
{
	log_to = log;
}

static bool is_off(void)
{
	return !log_to || log_to->level < XS_LOG_ERROR;
}

void xs_report_prepare(void)
{
	struct stat file;

	standard_error.open = fstat(STDERR_FILENO, &file) == 0 &&
			      !is_connection(&file) && !is_null_device(&file);
	standard_error.device = file.st_dev;
	standard_error.inode = file.st_ino;
}

bool xs_report_is_standard_error(int fd)
{
	struct stat file;

	return standard_error.open && fstat(fd, &file) == 0 &&
	       file.st_dev == standard_error.device &&
	       file.st_ino == standard_error.inode;
}

int xs_report_descriptor(void)
{
	int saved = errno, fd = STDERR_FILENO;

	if (is_off())
		return -1;
	if (xs_behalf)
		fd = xs_behalf->who(xs_behalf)->log;
	else if (!xs_report_is_standard_error(fd))
		fd = -1;
	errno = saved;
	return fd;
}

const char *xs_report_program(void)
{
	return xs_behalf ? xs_behalf->who(xs_behalf)->program
			 : xs_environment.program;
}

pid_t xs_report_pid(void)
{
	return xs_behalf ? xs_behalf->who(xs_behalf)->pid : getpid();
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

bool xs_report_wants(enum xs_log_level level)
{
	return log_to && log_to->level >= level;
}

bool xs_report_is_by_syslog(void)
{
	return log_to && !log_to->dest[0] && xs_report_descriptor() < 0;
}

static void write_line(struct xs_log_subject *subject, const char *sentence)
{
	char line[XS_LOG_LINE_MAX];

	if (!xs_report_wants(subject->level))
		return;
	subject->form = xs_log_form(log_to->dest, log_to->pairs);
	subject->program = xs_report_program();
	subject->pid = xs_report_pid();
	xs_log_write(log_to->dest, xs_report_descriptor(), subject->level, line,
		     xs_log_format(line, subject, sentence));
}

static void report_connect(enum xs_log_level level,
			   const struct xs_address *asked,
			   const struct xs_decision *decision, int errnum,
			   const char *sentence)
{
	char what[XS_REPORT_ASKED_MAX], rule[XS_REPORT_RULE_MAX];
	const struct xs_rule *about =
		decision->unknown ? decision->unknown : decision->rule;
	struct xs_log_subject subject = {
		.level = level,
		.asked = xs_report_asked(what, asked, decision->name),
		.rule = about ? xs_report_rule(rule, about) : NULL,
		.errnum = errnum,
	};

	write_line(&subject, sentence);
}

void xs_report_connect(enum xs_log_level level, const struct xs_address *asked,
		       const struct xs_decision *decision, const char *sentence)
{
	report_connect(level, asked, decision, 0, sentence);
}

void xs_report_failure(const struct xs_address *asked,
		       const struct xs_decision *decision,
		       const struct xs_error *err)
{
	report_connect(XS_LOG_ERROR, asked, decision, err->errnum, err->text);
}

static void report_relay(const struct xs_address *asked, const char *sentence)
{
	char what[XS_REPORT_ASKED_MAX];
	struct xs_log_subject subject = {
		.level = XS_LOG_ERROR,
		.asked = xs_report_asked(what, asked, ""),
	};

	write_line(&subject, sentence);
}

void xs_report_lost(const struct xs_address *asked)
{
	report_relay(asked, XS_REPORT_LOST);
}

void xs_report_silent(const struct xs_address *asked, const char *key,
		      pid_t relay, double seconds)
{
	char sentence[256];

	snprintf(sentence, sizeof(sentence), XS_REPORT_SILENT, key, (int)relay,
		 seconds);
	report_relay(asked, sentence);
}

void xs_report_process(enum xs_log_level level, const char *sentence)
{
	struct xs_log_subject subject = { .level = level };

	write_line(&subject, sentence);
}
