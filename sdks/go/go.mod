module github.com/eka-care/eka-usage-sdk/sdks/go

go 1.26.0
