#!/usr/bin/python3
# apt: python3-ldap libsasl2-modules
# An interactive bind calls Python back and cannot drop the GIL; the server is silent.
import ldap
import ldap.sasl

from harness import measure, silent_server

connection = ldap.initialize("ldap://127.0.0.1:%d" % silent_server())
method = ldap.sasl.cram_md5("user", "secret")


def call():
    connection.sasl_interactive_bind_s("", method)  # <-- blocks


measure(call, "poll", held=True, caller="libldap-2.5.so.0", via="_ldap")
