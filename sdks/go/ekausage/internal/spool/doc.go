// Package spool keeps accepted events on disk until Kafka has them; docs/spool-format.md says how,
// docs/durability.md what for. It knows keys and bytes, not events.
//
// format.go and records.go are the bytes, segment.go one file, folder.go all of them; journal.go
// appends to one page.go after another, backlog.go reads what waits there, upkeep.go looks after them;
// heir.go takes over what others left, replayer.go sends, and spool.go is what a client sees of it.
package spool
