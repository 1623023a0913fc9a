// Package wrong does not compile. The comment of a line is its error.
package wrong

import . "github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"

func required(client *Client) {
	client.RecordUsage(UsageOfOuterAPILegal("ws-1", ModelOfOuterAPILegalSmall, "TJSP"))
	client.RecordUsage(UsageOfOuterAPISearch("ws-1", "any"))
	UsageOfOuterAPISearch("ws-1")                                             // not enough arguments in call to UsageOfOuterAPISearch
	UsageOfOuterAPILegal("ws-1", ModelOfOuterAPILegalSmall)                   // not enough arguments in call to UsageOfOuterAPILegal
	UsageOfOuterAPILegal("ws-1", "huge", "TJSP")                              // cannot use "huge" (untyped string constant) as ekausage.ModelOfOuterAPILegal value
	UsageOfOuterAPILegal("ws-1", ModelOfOuterAPILegal{"huge"}, "TJSP")        // implicit assignment to unexported field value
	UsageOfOuterAPILegal("ws-1", "jusbrasil", "TJSP", "other")                // too many arguments in call to UsageOfOuterAPILegal
	UsageOfOuterAPIMany("ws-1", "any", []string{"e-1"}, "a")                  // cannot use "a" (untyped string constant) as []string value
}
