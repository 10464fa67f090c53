/* dns.c: hosts, services, protocols, networks, and the resolver against a server of our own. What
 * the private /etc says is in etc.c. */
#include "exercise.h"

#include <aliases.h>
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>

static const struct sockaddr_in seven = {.sin_family = AF_INET};

static struct sockaddr_in seven_address(void)
{
	struct sockaddr_in address = seven;

	address.sin_port = htons(77);
	inet_pton(AF_INET, "192.0.2.7", &address.sin_addr);
	return address;
}

static bool is_seven(const void *address)
{
	static const unsigned char bytes[] = {192, 0, 2, 7};

	return memcmp(address, bytes, sizeof(bytes)) == 0;
}

EXERCISE(GETADDRINFO)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
	struct sockaddr_in *address;

	x_etc(x);
	GIVES(0, CALL(getaddrinfo, "seven.test", "seven", &hints, &found));
	address = (struct sockaddr_in *) found->ai_addr;
	EXPECT(is_seven(&address->sin_addr) && address->sin_port == htons(77) && !found->ai_next);
	GIVES(EAI_NONAME, CALL(getaddrinfo, "none.test", NULL, &hints, &found));
	hints.ai_flags = AI_NUMERICHOST;
	GIVES(0, CALL(getaddrinfo, "192.0.2.7", NULL, &hints, &found));
	GIVES(EAI_NONAME, CALL(getaddrinfo, "seven.test", NULL, &hints, &found));
	freeaddrinfo(found);
}

EXERCISE(GETNAMEINFO)
{
	struct sockaddr_in address = seven_address();
	char host[64] = "", service[64] = "";

	x_etc(x);
	GIVES(0, CALL(getnameinfo, (struct sockaddr *) &address, sizeof(address), host, 64, service,
			 64, 0));
	EXPECT(!strcmp(host, "seven.test") && !strcmp(service, "seven"));
	GIVES(0, CALL(getnameinfo, (struct sockaddr *) &address, sizeof(address), host, 64, service,
			 64, NI_NUMERICHOST | NI_NUMERICSERV));
	EXPECT(!strcmp(host, "192.0.2.7") && !strcmp(service, "77"));
	GIVES(EAI_FAMILY, CALL(getnameinfo, (struct sockaddr *) &address, 1, host, 64, NULL, 0, 0));
}

static struct hostent *call_host(struct exercise *x, const char *name)
{
	if (IS("gethostbyname2"))
		return CALL(gethostbyname2, name, AF_INET);
	return CALL(gethostbyname, name);
}

static bool is_host(const struct hostent *host)
{
	return host && !strcmp(host->h_name, "seven.test") && is_seven(host->h_addr_list[0]);
}

EXERCISE(GETHOSTBYNAME)
{
	struct hostent *host;

	x_etc(x);
	EXPECT(is_host(call_host(x, "seven")));
	host = call_host(x, "192.0.2.7");
	EXPECT(host && is_seven(host->h_addr_list[0]));
	GIVES(NULL, call_host(x, "none.test"));
	EXPECT(h_errno == HOST_NOT_FOUND);
}

static char room[2048];

static int call_host_r(struct exercise *x, const char *name, size_t size, struct hostent **found)
{
	static struct hostent host;

	if (IS("gethostbyname2_r"))
		return CALL(gethostbyname2_r, name, AF_INET, &host, room, size, found, &h_errno);
	return CALL(gethostbyname_r, name, &host, room, size, found, &h_errno);
}

EXERCISE(GETHOSTBYNAME_R)
{
	struct hostent *found = NULL;

	x_etc(x);
	GIVES(0, call_host_r(x, "seven", sizeof(room), &found));
	EXPECT(is_host(found));
	GIVES(0, call_host_r(x, "none.test", sizeof(room), &found));
	EXPECT(!found && h_errno == HOST_NOT_FOUND);
	GIVES(ERANGE, call_host_r(x, "seven", 1, &found));
}

EXERCISE(GETHOSTBYADDR)
{
	struct in_addr address = seven_address().sin_addr;

	x_etc(x);
	EXPECT(is_host(CALL(gethostbyaddr, &address, sizeof(address), AF_INET)));
	address.s_addr = 0;
	GIVES(NULL, CALL(gethostbyaddr, &address, sizeof(address), AF_INET));
}

EXERCISE(GETHOSTBYADDR_R)
{
	struct in_addr address = seven_address().sin_addr;
	struct hostent host, *found = NULL;

	x_etc(x);
	GIVES(0, CALL(gethostbyaddr_r, &address, sizeof(address), AF_INET, &host, room,
			 sizeof(room), &found, &h_errno));
	EXPECT(is_host(found));
	GIVES(ERANGE, CALL(gethostbyaddr_r, &address, sizeof(address), AF_INET, &host, room, 1,
			      &found, &h_errno));
}

static struct gaicb request = {.ar_name = "seven.test"}, *requests[] = {&request};

static bool is_answered(void)
{
	return REAL(gai_error)(&request) == 0 && request.ar_result &&
	       is_seven(&((struct sockaddr_in *) request.ar_result->ai_addr)->sin_addr);
}

EXERCISE(GETADDRINFO_A)
{
	static const struct addrinfo hints = {.ai_family = AF_INET};

	x_etc(x);
	request.ar_request = &hints;
	GIVES(0, CALL(getaddrinfo_a, GAI_WAIT, requests, 1, NULL));
	EXPECT(is_answered());
	FAILS(EAI_SYSTEM, EINVAL, CALL(getaddrinfo_a, 77, requests, 1, NULL));
}

EXERCISE(GAI_SUSPEND)
{
	static const struct addrinfo hints = {.ai_family = AF_INET};
	const struct gaicb *list[] = {&request};
	int got;

	x_etc(x);
	request.ar_request = &hints;
	REAL(getaddrinfo_a)(GAI_NOWAIT, requests, 1, NULL);
	do
		got = CALL(gai_suspend, list, 1, NULL);
	while (got == EAI_INTR);
	EXPECT(got == 0 || got == EAI_ALLDONE);
	while (REAL(gai_error)(&request) == EAI_INPROGRESS)
		x_sleep(1);
	EXPECT(is_answered());
	KEEPS(EAI_ALLDONE, CALL(gai_suspend, list, 1, NULL));
}

/* A name server that knows the address of seven.test and of nothing else. */
static int server = -1;
static void serve(void *unused)
{
	static const unsigned char answer[] = {
		0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7};
	struct sockaddr_in from;
	unsigned char packet[512];

	(void) unused;
	for (;;) {
		socklen_t length = sizeof(from);
		ssize_t size = REAL(recvfrom)(server, packet, sizeof(packet) - sizeof(answer), 0,
			(struct sockaddr *) &from, &length);
		bool known = size >= 12 + 16 && !memcmp(packet + 12, "\5seven\4test", 12);

		if (size < 12)
			continue;
		packet[2] = 0x81;
		packet[3] = known ? 0x80 : 0x83;
		packet[7] = known;
		if (known) {
			size = 12 + 16;
			packet[11] = 0; /* no additional records */
			memcpy(packet + size, answer, sizeof(answer));
			size += sizeof(answer);
		}
		REAL(sendto)(server, packet, (size_t) size, 0, (struct sockaddr *) &from, length);
	}
}

/* Points a resolver state at our server. */
static void use_server(struct exercise *x, struct __res_state *state)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	static struct x_helper helper;
	socklen_t length = sizeof(here);

	server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(server, (struct sockaddr *) &here, length) < 0 ||
		getsockname(server, (struct sockaddr *) &here, &length) < 0)
		x_skip(x, "no loopback device");
	x_later(&helper, 0, serve, NULL);
	REAL(__res_ninit)(state);
	state->retry = 1;
	state->retrans = 1;
	state->nscount = 1;
	state->nsaddr_list[0] = here;
}

static unsigned char answer[512];
static bool is_answer(int length)
{
	return length == 12 + 16 + 16 && is_seven(answer + length - 4);
}

/* The n-forms take a state, the others use that of the thread. */
static bool has_state(struct exercise *x, struct __res_state **state)
{
	static struct __res_state own;
	bool has = strstr(x->name, "res_n") != NULL;

	*state = has ? &own : &_res;
	use_server(x, *state);
	return has;
}

EXERCISE(RES_QUERY)
{
	struct __res_state *state;

	if (has_state(x, &state)) {
		EXPECT(is_answer(CALL(res_nquery, state, "seven.test", 1, 1, answer, 512)));
		GIVES(-1, CALL(res_nquery, state, "none.test", 1, 1, answer, 512));
	} else {
		EXPECT(is_answer(CALL(res_query, "seven.test", 1, 1, answer, 512)));
		GIVES(-1, CALL(res_query, "none.test", 1, 1, answer, 512));
	}
	EXPECT(state->res_h_errno == HOST_NOT_FOUND);
}

EXERCISE(RES_SEARCH)
{
	struct __res_state *state;

	if (has_state(x, &state)) {
		EXPECT(is_answer(CALL(res_nsearch, state, "seven.test", 1, 1, answer, 512)));
		GIVES(-1, CALL(res_nsearch, state, "none.test.", 1, 1, answer, 512));
	} else {
		EXPECT(is_answer(CALL(res_search, "seven.test", 1, 1, answer, 512)));
		GIVES(-1, CALL(res_search, "none.test.", 1, 1, answer, 512));
	}
	EXPECT(state->res_h_errno == HOST_NOT_FOUND);
}

EXERCISE(RES_QUERYDOMAIN)
{
	struct __res_state *state;

	if (has_state(x, &state)) {
		EXPECT(is_answer(
			CALL(res_nquerydomain, state, "seven", "test", 1, 1, answer, 512)));
		GIVES(-1, CALL(res_nquerydomain, state, "none", "test", 1, 1, answer, 512));
	} else {
		EXPECT(is_answer(CALL(res_querydomain, "seven", "test", 1, 1, answer, 512)));
		GIVES(-1, CALL(res_querydomain, "none", "test", 1, 1, answer, 512));
	}
	EXPECT(state->res_h_errno == HOST_NOT_FOUND);
}

EXERCISE(RES_SEND)
{
	static const unsigned char query[] = "\0\7\1\0\0\1\0\0\0\0\0\0\5seven\4test\0\0\1\0\1";
	int size = sizeof(query) - 1;
	struct __res_state *state;

	if (has_state(x, &state)) {
		EXPECT(is_answer(CALL(res_nsend, state, query, size, answer, 512)));
		state->nscount = 0;
		FAILS(-1, ESRCH, CALL(res_nsend, state, query, size, answer, 512));
	} else {
		EXPECT(is_answer(CALL(res_send, query, size, answer, 512)));
		FAILS(-1, EINVAL, CALL(res_send, query, size, answer, 1));
	}
}

EXERCISE(RES_INIT)
{
	struct __res_state own, *state = IS("__res_init") ? &_res : &own;

	x_etc(x);
	memset(&own, 0, sizeof(own));
	if (IS("__res_init"))
		GIVES(0, CALL(__res_init));
	else
		GIVES(0, CALL(__res_ninit, &own));
	EXPECT(state->nscount == 1 && state->retrans == 1 && state->retry == 1);
	EXPECT(state->nsaddr_list[0].sin_addr.s_addr == htonl(INADDR_LOOPBACK));
}

static bool is_service(const struct servent *service)
{
	return service && !strcmp(service->s_name, "seven") && service->s_port == htons(77) &&
	       !strcmp(service->s_aliases[0], "sette");
}

EXERCISE(GETSERVBYNAME)
{
	struct servent service, *found = NULL;

	x_etc(x);
	if (IS("getservbyname_r")) {
		GIVES(0, CALL(getservbyname_r, "sette", "tcp", &service, room, sizeof(room),
				 &found));
		EXPECT(is_service(found));
		GIVES(ERANGE, CALL(getservbyname_r, "sette", "tcp", &service, room, 1, &found));
	} else {
		EXPECT(is_service(CALL(getservbyname, "sette", "tcp")));
		GIVES(NULL, CALL(getservbyname, "sette", "udp"));
	}
}

EXERCISE(GETSERVBYPORT)
{
	struct servent service, *found = NULL;

	x_etc(x);
	if (IS("getservbyport_r")) {
		GIVES(0, CALL(getservbyport_r, htons(77), "tcp", &service, room, sizeof(room),
				 &found));
		EXPECT(is_service(found));
		GIVES(ERANGE, CALL(getservbyport_r, htons(77), "tcp", &service, room, 1, &found));
	} else {
		EXPECT(is_service(CALL(getservbyport, htons(77), NULL)));
		GIVES(NULL, CALL(getservbyport, htons(78), NULL));
	}
}

static bool is_protocol(const struct protoent *protocol)
{
	return protocol && protocol->p_proto == 7 && !strcmp(protocol->p_aliases[0], "SEVEN");
}

EXERCISE(GETPROTOBYNAME)
{
	struct protoent protocol, *found = NULL;

	x_etc(x);
	if (IS("getprotobyname")) {
		EXPECT(is_protocol(CALL(getprotobyname, "seven")));
		GIVES(NULL, CALL(getprotobyname, "none"));
	} else if (IS("getprotobynumber")) {
		EXPECT(is_protocol(CALL(getprotobynumber, 7)));
		GIVES(NULL, CALL(getprotobynumber, 8));
	} else if (IS("getprotobyname_r")) {
		GIVES(0, CALL(getprotobyname_r, "seven", &protocol, room, sizeof(room), &found));
		EXPECT(is_protocol(found));
		GIVES(ERANGE, CALL(getprotobyname_r, "seven", &protocol, room, 1, &found));
	} else {
		GIVES(0, CALL(getprotobynumber_r, 7, &protocol, room, sizeof(room), &found));
		EXPECT(is_protocol(found));
		GIVES(ERANGE, CALL(getprotobynumber_r, 7, &protocol, room, 1, &found));
	}
}

static bool is_net(const struct netent *net)
{
	return net && !strcmp(net->n_name, "sevennet") && net->n_net == 0xc0000200;
}

static bool is_net_entry(void)
{
	return is_net(REAL(getnetent)());
}

PART(getnet)
{
	struct netent net, *found = NULL;

	if (IS("getnetent"))
		found = CALL(getnetent);
	else if (IS("getnetent_r"))
		GIVES(0, CALL(getnetent_r, &net, room, sizeof(room), &found, &h_errno));
	else if (IS("getnetbyname"))
		found = CALL(getnetbyname, "sevennet");
	else if (IS("getnetbyname_r"))
		GIVES(0, CALL(getnetbyname_r, "sevennet", &net, room, sizeof(room), &found,
				 &h_errno));
	else if (IS("getnetbyaddr"))
		found = CALL(getnetbyaddr, 0xc0000200, AF_INET);
	else if (IS("getnetbyaddr_r"))
		GIVES(0, CALL(getnetbyaddr_r, 0xc0000200, AF_INET, &net, room, sizeof(room), &found,
				 &h_errno));
	EXPECT(is_net(found));
}

PART(getrpc)
{
	struct rpcent rpc, *found = NULL;

	if (IS("getrpcbyname"))
		found = CALL(getrpcbyname, "sette");
	else if (IS("getrpcbyname_r"))
		GIVES(0, CALL(getrpcbyname_r, "sette", &rpc, room, sizeof(room), &found));
	else if (IS("getrpcbynumber"))
		found = CALL(getrpcbynumber, 7777);
	else if (IS("getrpcbynumber_r"))
		GIVES(0, CALL(getrpcbynumber_r, 7777, &rpc, room, sizeof(room), &found));
	else if (IS("getrpcent"))
		found = CALL(getrpcent);
	else if (IS("getrpcent_r"))
		GIVES(0, CALL(getrpcent_r, &rpc, room, sizeof(room), &found));
	EXPECT(found && found->r_number == 7777 && !strcmp(found->r_name, "seven"));
}

PART(alias)
{
	struct aliasent alias, *found = NULL;

	if (IS("getaliasent"))
		found = CALL(getaliasent);
	else if (IS("getaliasent_r"))
		GIVES(0, CALL(getaliasent_r, &alias, room, sizeof(room), &found));
	else if (IS("getaliasbyname"))
		found = CALL(getaliasbyname, "seven");
	else
		GIVES(0, CALL(getaliasbyname_r, "seven", &alias, room, sizeof(room), &found));
	EXPECT(found && !strcmp(found->alias_name, "seven") && found->alias_members_len == 2);
}

PART(ether)
{
	struct ether_addr address = {{2, 0, 0, 0, 0, 7}};
	char host[64] = "seven";

	if (IS("ether_hostton")) {
		memset(&address, 0, sizeof(address));
		GIVES(0, CALL(ether_hostton, host, &address));
		EXPECT(address.ether_addr_octet[5] == 7);
	} else {
		host[0] = '\0';
		GIVES(0, CALL(ether_ntohost, host, &address));
		EXPECT(!strcmp(host, "seven"));
	}
}

/* Each begins its data base anew: its first entry comes again. */
PART(begin)
{
	bool is_host = strstr(x->name, "host"), is_net = strstr(x->name, "net");
	bool is_protocol_base = strstr(x->name, "proto"), is_serv = strstr(x->name, "serv");

	for (int i = 0; i < 2; i++) {
		EXPECT(is_host		  ? !strcmp(REAL(gethostent)()->h_name, "localhost")
		       : is_net		  ? is_net_entry()
		       : is_protocol_base ? is_protocol(REAL(getprotoent)())
		       : is_serv	  ? is_service(REAL(getservent)())
		       : strstr(x->name, "rpc")
			       ? REAL(getrpcent)()->r_number == 7777
			       : !strcmp(REAL(getaliasent)()->alias_name, "seven"));
		if (i == 1)
			break;
		if (strncmp(x->name, "set", 3) == 0 && IS("setaliasent"))
			CALL_VOID(setaliasent);
		else if (strncmp(x->name, "set", 3) == 0)
			CALL_VOID(setnetent, 1);
		else
			CALL_VOID(endhostent);
	}
}

/* The first entry of each data base. */
EXERCISE(GETHOSTENT)
{
	struct protoent protocol, *protocol_found = NULL;
	struct servent service, *service_found = NULL;
	struct hostent host, *host_found = NULL;

	x_etc(x);
	if (strncmp(x->name, "get", 3) && strncmp(x->name, "ether", 5) && !IS("sethostent")) {
		part_begin(x);
	} else if (strncmp(x->name, "ether", 5) == 0) {
		part_ether(x);
	} else if (strstr(x->name, "alias")) {
		part_alias(x);
	} else if (strncmp(x->name, "getnet", 6) == 0) {
		part_getnet(x);
	} else if (strncmp(x->name, "getrpc", 6) == 0) {
		part_getrpc(x);
	} else if (strncmp(x->name, "getserv", 7) == 0) {
		if (IS("getservent"))
			service_found = CALL(getservent);
		else
			GIVES(0, CALL(getservent_r, &service, room, sizeof(room), &service_found));
		EXPECT(is_service(service_found));
	} else if (strncmp(x->name, "getproto", 8) == 0) {
		if (IS("getprotoent"))
			protocol_found = CALL(getprotoent);
		else
			GIVES(0, CALL(getprotoent_r, &protocol, room, sizeof(room),
					 &protocol_found));
		EXPECT(is_protocol(protocol_found));
	} else {
		if (IS("sethostent")) {
			EXPECT(REAL(gethostent)() && REAL(gethostent)());
			CALL_VOID(sethostent, 1);
			host_found = REAL(gethostent)();
		} else if (IS("gethostent")) {
			host_found = CALL(gethostent);
		} else {
			GIVES(0, CALL(gethostent_r, &host, room, sizeof(room), &host_found,
					 &h_errno));
		}
		EXPECT(host_found && !strcmp(host_found->h_name, "localhost"));
	}
}

EXERCISE(GETHOSTID)
{
	x_etc(x);
	x_write_file("etc/hostid", "\7\7\7\7");
	GIVES(0x07070707, CALL(gethostid));
}

EXERCISE(GETIFADDRS)
{
	struct if_nameindex *names;
	struct ifaddrs *list = NULL;
	bool found = false;

	if (IS("if_nameindex")) {
		names = CALL(if_nameindex);
		for (; names && names->if_index; names++)
			found = found || !strcmp(names->if_name, "lo");
	} else {
		GIVES(0, CALL(getifaddrs, &list));
		for (; list; list = list->ifa_next)
			found = found || !strcmp(list->ifa_name, "lo");
	}
	EXPECT(found);
}
