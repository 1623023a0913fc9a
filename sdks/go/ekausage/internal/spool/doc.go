// Package spool keeps accepted events on disk until Kafka has acknowledged them. It handles keys and
// bytes, not events. docs/spool-format.md defines the format and the protocol, docs/durability.md what
// they guarantee.
//
// spool.go is the interface to the client. header.go, segment_name.go and record.go are the bytes, segment.go
// one file, directory.go all of them. segment_log.go appends to one segment_writer.go after another,
// backlog.go reads what is pending there, and housekeeping.go removes what is acknowledged.
// adoption.go takes over what other clients left, replayer.go sends, and syncer.go calls fsync.
package spool
