package main

func (w *world) fillDisk() {}
func (w *world) freeDisk() {}
