package main

import (
	"slices"
	"strings"
)

// env is the variables that point at a stack, in the order of the file.
type env []struct{ name, value string }

// file is the text of stack.env, for `set -a; . stack.env`.
func (e env) file() string {
	var b strings.Builder
	for _, v := range e {
		b.WriteString(v.name + "=" + quote(v.value) + "\n")
	}
	return b.String()
}

// over returns base with these variables in it, and without the TEMPORAL_* that
// would send a command to another server or make it ask this one for TLS.
func (e env) over(base []string) []string {
	kept := slices.DeleteFunc(slices.Clone(base), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return strings.HasPrefix(name, "TEMPORAL_") || e.has(name)
	})
	for _, v := range e {
		kept = append(kept, v.name+"="+v.value)
	}
	return kept
}

func (e env) has(name string) bool {
	for _, v := range e {
		if v.name == name {
			return true
		}
	}
	return false
}

// quote makes a value one shell word. Plain ones stay as they are, so that tools
// which read KEY=value files without a shell understand them too.
func quote(value string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+.,:/@%?="
	if value != "" && strings.Trim(value, plain) == "" {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
