#!/usr/bin/python3
# apt: python3-ldap
# GnuTLS reads the certificates of an authority.
import ldap

from harness import measure, slow_fifo

path = slow_fifo(b"")
connection = ldap.initialize("ldap://127.0.0.1")
connection.set_option(ldap.OPT_X_TLS_CACERTFILE, path)


def call():
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)  # <-- blocks


measure(call, "fread", held=False, caller="libgnutls.so.30", via="_ldap")
