// Package ekausage knows what usage may be recorded: the products and metric types of the catalog,
// the statuses, the settings of a client and the closed set of error codes.
//
// The zz_generated files are tables made from schema/; what reads them is written by hand beside
// them.
package ekausage
