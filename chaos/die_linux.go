package main

import "syscall"

// dieWithUs ends a program with us, however we end.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
