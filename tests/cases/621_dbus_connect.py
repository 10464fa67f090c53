#!/usr/bin/python3
# apt: python3-dbus
# A bus that does not answer.
import dbus
import dbus.bus

from harness import measure, silent_server

address = "tcp:host=127.0.0.1,port=%d" % silent_server()


def call():
    dbus.bus.BusConnection(address)  # <-- blocks


measure(call, "poll", held=False, caller="libdbus-1.so.3", via="_dbus_bindings")
