package main

import "syscall"

// dieWithUs ends a program with the demo, however the demo ends.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
