// referee.go: a library in Go that waits: on a timer, and on a pipe that another goroutine fills.
package main

import "C"

import (
	"os"
	"time"
)

//export Wait
func Wait(ms C.int) C.int {
	done := make(chan C.int)
	go func() {
		time.Sleep(time.Duration(ms) * time.Millisecond)
		done <- ms
	}()
	return <-done
}

//export Relay
func Relay(ms C.int) C.int {
	reader, writer, err := os.Pipe()
	if err != nil {
		return -1
	}
	go func() {
		time.Sleep(time.Duration(ms) * time.Millisecond)
		writer.Write([]byte("x"))
	}()
	reader.Read(make([]byte, 1))
	return ms
}

func main() {}
