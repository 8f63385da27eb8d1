//go:build !linux

package main

import "syscall"

// dieWithUs would end a program with us; other systems have no such thing, and
// the process group that we share has to do.
func dieWithUs() *syscall.SysProcAttr { return nil }
