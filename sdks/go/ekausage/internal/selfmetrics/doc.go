// Package selfmetrics has the names of what clients expose about themselves.
package selfmetrics
