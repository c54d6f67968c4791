/* Targets × what the application asked for; see destination.h. */
#include "connect/destination.h"

static const struct xs_rule *rule_of(const struct xs_destination *where)
{
	return where->decision->rule;
}

void xs_destination_aim(struct xs_destination *where)
{
	const struct xs_target *target;

	if (where->ftp_data) {
		where->to = where->ftp_data->wire.head.to;
		where->port = xs_address_port(&where->to);
		if (!xs_address_to_family(&where->to, where->family))
			where->to.len = 0;
		return;
	}
	target = &rule_of(where)->target;
	where->port =
		target->port ? target->port : xs_address_port(&where->asked);
	where->to = where->asked;
	if (target->address.len)
		where->to = target->address;
	xs_address_set_port(&where->to, where->port);
	if (target->host || !xs_address_to_family(&where->to, where->family))
		where->to.len = 0;
}

const char *xs_destination_host(const struct xs_destination *where,
				char text[XS_ADDRESS_TEXT_MAX])
{
	const struct xs_target *target;

	if (where->to.len)
		return "";
	if (where->ftp_data)
		return xs_address_format_ip(&where->ftp_data->wire.head.to,
					    text, XS_ADDRESS_TEXT_MAX);
	target = &rule_of(where)->target;
	if (target->host)
		return target->host;
	return xs_address_format_ip(&target->address, text,
				    XS_ADDRESS_TEXT_MAX);
}

const char *xs_destination_peer(const struct xs_destination *where,
				char text[XS_ADDRESS_TEXT_MAX])
{
	const struct xs_target *target = &rule_of(where)->target;
	struct xs_address address = where->asked;

	if (target->host)
		return target->host;
	if (!target->address.len && where->decision->name[0])
		return where->decision->name;
	if (target->address.len)
		address = target->address;
	/* Certificates know no scopes and no mapped addresses. */
	xs_address_to_family(&address, AF_INET);
	if (address.any.sa_family == AF_INET6)
		address.v6.sin6_scope_id = 0;
	return xs_address_format_ip(&address, text, XS_ADDRESS_TEXT_MAX);
}
