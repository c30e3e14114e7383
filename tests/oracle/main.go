// Command oracle decides with Go's own encoding/json whether the controller survives a text.
//
// It reads frames from stdin: one byte that says what the text is, its length in four bytes (little endian), and
// the text. It answers each with one byte.
//
// 'p' is a document in the queue of commands: 's' (the controller survives) or 'x' (it exits).
//
// 's' is the data of scheduler_add: 's' (stored, and sent whenever it is due), 'n' (the same of a command without a
// name), 'e' (answered with an error), or 'x' (the controller exits, at once or when the command is due).
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"log"
	"os"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What the controller decodes, with the names of the wire.

type arguments struct {
	Domain  string   `json:"domain"`
	Name    string   `json:"name"`
	Queue   string   `json:"queue"`
	MaxTime int      `json:"max_time"`
	Args    []string `json:"args"`
}

type command struct {
	ID     string    `json:"id"`
	Gid    int       `json:"gid"`
	Nid    int       `json:"nid"`
	Cmd    string    `json:"cmd"`
	Roles  []string  `json:"roles"`
	Fanout bool      `json:"fanout"`
	Data   string    `json:"data"`
	Tags   string    `json:"tags"`
	Args   arguments `json:"args"`
}

type entry struct {
	ID   string                 `json:"id"`
	Cron string                 `json:"cron"`
	Cmd  map[string]interface{} `json:"cmd"`
}

const (
	survives = 's'
	nameless = 'n'
	refuses  = 'e'
	exits    = 'x'
)

// pushed decodes a document of the queue, twice as the controller does.
func pushed(text []byte) (command, error) {
	var decoded command
	if err := json.Unmarshal(text, &decoded); err != nil {
		return decoded, err
	}
	var raw map[string]interface{}
	return decoded, json.Unmarshal(text, &raw)
}

// scheduled stores an entry of the schedule, reads it again as after a restart, and sends its command.
func scheduled(text []byte) byte {
	var decoded entry
	if json.Unmarshal(text, &decoded) != nil {
		return refuses
	}
	if crashes(decoded.Cron) || decoded.Cmd == nil {
		return exits
	}
	verdict := byte(survives)
	for _, write := range []func(interface{}) []byte{written, writtenBefore18} {
		var stored entry
		command := write(decoded.Cmd)
		text := `{"id":"i","cron":"@hourly","cmd":` + string(command) + `}`
		if json.Unmarshal([]byte(text), &stored) != nil {
			return exits
		}
		stored.Cmd["id"] = "5a0a9b4e-9e12-4b58-a0f0-0e54a4e9ab0d"
		sent, err := pushed(write(stored.Cmd))
		if err != nil {
			return exits
		}
		if sent.Cmd == "" {
			verdict = nameless
		}
		if sent.Cmd == "controller" && sent.Args.Name == "scheduler_add" {
			// What it schedules counts as its own.
			if verdict := scheduled([]byte(sent.Data)); verdict == exits || verdict == nameless {
				return verdict
			}
		}
	}
	return verdict
}

// crashes tells whether some version of the controller's cron library panics or loops over an expression.
func crashes(cron string) bool {
	if cron == "" {
		return true
	}
	if cron[0] == '@' {
		return false
	}
	for _, field := range strings.Fields(cron) {
		for _, part := range strings.Split(field, ",") {
			if _, step, ok := strings.Cut(part, "/"); ok {
				if number, err := strconv.Atoi(step); err == nil && number == 0 {
					return true
				}
			}
		}
	}
	return false
}

func written(value interface{}) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		log.Fatal(err)
	}
	return text
}

// writtenBefore18 writes numbers as Go did before version 1.8.
func writtenBefore18(value interface{}) []byte {
	switch value := value.(type) {
	case float64:
		return strconv.AppendFloat(nil, value, 'g', -1, 64)
	case []interface{}:
		text := []byte{'['}
		for i, element := range value {
			if i > 0 {
				text = append(text, ',')
			}
			text = append(text, writtenBefore18(element)...)
		}
		return append(text, ']')
	case map[string]interface{}:
		names := make([]string, 0, len(value))
		for name := range value {
			names = append(names, name)
		}
		sort.Strings(names)
		text := []byte{'{'}
		for i, name := range names {
			if i > 0 {
				text = append(text, ',')
			}
			text = append(append(text, written(name)...), ':')
			text = append(text, writtenBefore18(value[name])...)
		}
		return append(text, '}')
	default:
		return written(value)
	}
}

func judge(kind byte, text []byte) byte {
	if !utf8.Valid(text) {
		log.Fatal("acclient sends UTF-8 only")
	}
	switch kind {
	case 's':
		return scheduled(text)
	case 'p':
		if _, err := pushed(text); err != nil {
			return exits
		}
		return survives
	}
	log.Fatalf("unknown kind %q", kind)
	return 0
}

func main() {
	in, out := bufio.NewReaderSize(os.Stdin, 1<<20), bufio.NewWriter(os.Stdout)
	var header [5]byte
	var text []byte
	for {
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				log.Fatal(err)
			}
		}
		if _, err := io.ReadFull(in, header[:]); err == io.EOF {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		length := int(binary.LittleEndian.Uint32(header[1:]))
		if cap(text) < length {
			text = make([]byte, length)
		}
		text = text[:length]
		if _, err := io.ReadFull(in, text); err != nil {
			log.Fatal(err)
		}
		if err := out.WriteByte(judge(header[0], text)); err != nil {
			log.Fatal(err)
		}
	}
}
