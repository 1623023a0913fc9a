package encode

import (
	"math/big"
	"reflect"
)

const (
	// deepestSize is how deep a value is measured; encoding/json rejects deeper ones and cycles.
	deepestSize = 100
	// wordDigits is how many decimal digits a word of a big integer holds.
	wordDigits = 19
)

// isLong reports whether the JSON of a value has more bytes than metadata may have, without encoding it,
// which would take time that grows with the value.
func isLong(value any) bool {
	switch value := value.(type) {
	case *big.Float:
		// Its digits take long to compute if the exponent is large, however small the value in memory.
		if exponent := value.MantExp(nil); exponent > mostBits || exponent < -mostBits {
			return true
		}
	case big.Float:
		return isLong(&value)
	}
	left := metadataMaxBytes
	return !measure(reflect.ValueOf(value), &left, 0)
}

// measure subtracts the least size of a value from what is left, and reports whether anything is.
func measure(v reflect.Value, left *int, depth int) bool {
	if *left--; *left < 0 || depth > deepestSize {
		return *left >= 0
	}
	switch v.Kind() {
	case reflect.String:
		*left -= v.Len()
	case reflect.Slice, reflect.Array:
		return measureList(v, left, depth)
	case reflect.Map:
		if v.Len() > *left {
			return false
		}
		for iterator := v.MapRange(); iterator.Next(); {
			if !measure(iterator.Key(), left, depth+1) || !measure(iterator.Value(), left, depth+1) {
				return false
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !measure(v.Field(i), left, depth+1) {
				return false
			}
		}
	case reflect.Pointer, reflect.Interface:
		return v.IsNil() || measure(v.Elem(), left, depth+1)
	}
	return *left >= 0
}

func measureList(v reflect.Value, left *int, depth int) bool {
	if v.Type().Elem().Kind() == reflect.Uint && !v.CanInterface() {
		*left -= wordDigits * v.Len() // of a big integer
		return *left >= 0
	}
	if v.Len() > *left {
		return false
	}
	for i := range v.Len() {
		if !measure(v.Index(i), left, depth+1) {
			return false
		}
	}
	return *left >= 0
}
