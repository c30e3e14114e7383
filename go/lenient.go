package acclient

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// isObject reports whether text is a JSON object.
func isObject(text json.RawMessage) bool {
	return bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) && json.Valid(text)
}

// decode decodes an object into a struct. If fields have the wrong type it decodes each field separately, so that
// none affects another; those stay zero and remain available in the JSON text.
func decode(text json.RawMessage, value any) {
	if json.Unmarshal(text, value) == nil {
		return
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil {
		return
	}
	row := reflect.ValueOf(value).Elem()
	for index := range row.NumField() {
		name, isField := row.Type().Field(index).Tag.Lookup("json")
		if !isField || name == "-" {
			continue
		}
		field := row.Field(index)
		field.SetZero()
		for key, text := range fields {
			if strings.EqualFold(key, name) {
				decodeField(text, field)
			}
		}
		if text, isExact := fields[name]; isExact {
			decodeField(text, field)
		}
	}
}

// decodeField decodes a field, and leaves it unchanged if the JSON has another type.
func decodeField(text json.RawMessage, field reflect.Value) {
	if isTexts := field.Type() == reflect.TypeFor[[]string](); isTexts {
		decodeTexts(text, field)
		return
	}
	if isRows := field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct; isRows {
		decodeRows(text, field)
		return
	}
	decoded := reflect.New(field.Type())
	if json.Unmarshal(text, decoded.Interface()) == nil {
		field.Set(decoded.Elem())
		return
	}
	number, err := strconv.ParseFloat(strings.TrimSpace(strings.Trim(string(text), `"`)), 64)
	if err != nil || math.IsInf(number, 0) || math.IsNaN(number) {
		return
	}
	switch whole := math.Trunc(number); {
	case field.CanFloat():
		field.SetFloat(number)
	case field.CanInt() && math.Abs(whole) < 1<<63:
		field.SetInt(int64(whole))
	case field.CanUint() && whole >= 0 && whole < 1<<64:
		field.SetUint(uint64(whole))
	}
}

// decodeTexts decodes a list of strings; items of other types become empty strings.
func decodeTexts(text json.RawMessage, field reflect.Value) {
	var items []json.RawMessage
	if json.Unmarshal(text, &items) != nil {
		return
	}
	texts := make([]string, len(items))
	for index, item := range items {
		if json.Unmarshal(item, &texts[index]) != nil {
			texts[index] = ""
		}
	}
	field.Set(reflect.ValueOf(texts))
}

// decodeRows decodes the objects of a list.
func decodeRows(text json.RawMessage, field reflect.Value) {
	var items []json.RawMessage
	if json.Unmarshal(text, &items) != nil {
		return
	}
	rows := reflect.MakeSlice(field.Type(), 0, len(items))
	for _, item := range items {
		if row := reflect.New(field.Type().Elem()); isObject(item) {
			decode(item, row.Interface())
			rows = reflect.Append(rows, row.Elem())
		}
	}
	field.Set(rows)
}
