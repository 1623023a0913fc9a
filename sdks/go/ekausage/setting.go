package ekausage

// A Setting is one thing that a client can be told, by an option or by an environment variable.
type Setting struct {
	// Name is the setting's name in every SDK.
	Name string
	// Variable is its environment variable.
	Variable string
	// Option is the function that sets it in code; it overrides the variable.
	Option string
	// Type is string, integer, boolean, choice or list.
	Type string
	// Unit is what a number counts, empty where it needs none.
	Unit string
	// Default is as it would stand in the environment, empty where there is none.
	Default string
	// Required says that a client is not made without it.
	Required bool
	// Secret says that its value is never shown.
	Secret bool
	// Minimum and Maximum bound an integer.
	Minimum, Maximum int64
	// Choices are the values of a choice.
	Choices []string
	// Property is the key of WithKafkaConfig that sets it, empty where there is none.
	Property string
	// Description says what it does.
	Description string
}

// Settings lists what a client can be told.
func Settings() []Setting { return append([]Setting(nil), settingTable[:]...) }
