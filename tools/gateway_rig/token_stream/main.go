// token_stream is both ends of a stream of tokens, cheap enough to leave a CPU to what is measured between them.
//
//	token_stream source -listen 0.0.0.0:8101
//	token_stream sink -targets 127.20.0.1:10000 -streams 256 -rate 20 -tokens 400 -seconds 20
//
// The source answers every POST with server-sent events at the pace that the request's headers ask for, each with the
// time it was sent; the sink prints one JSON object with what arrived, how late, and how streams ended. Both run on one
// machine, so one clock tells the delay.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	tokensHeader = "x-tokens"
	rateHeader   = "x-tokens-per-second"
	timePrefix   = `data: {"sent":`
	// What an engine puts around a token: an event of OpenAI's API has about 220 bytes.
	eventRest = `,"id":"chatcmpl-0123456789abcdef0123456789abcdef","object":"chat.completion.chunk","created":1760000000,` +
		`"model":"simulated","choices":[{"index":0,"delta":{"content":" token"},"finish_reason":null}]}` + "\n\n"
	lastEvent = "data: [DONE]\n\n"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: token_stream source|sink [flags]")
	}
	switch os.Args[1] {
	case "source":
		source(os.Args[2:])
	case "sink":
		sink(os.Args[2:])
	default:
		log.Fatalf("unknown command %q; it is source or sink", os.Args[1])
	}
}

func source(arguments []string) {
	flags := flag.NewFlagSet("source", flag.ExitOnError)
	listen := flags.String("listen", "0.0.0.0:8101", "address and port to listen on")
	_ = flags.Parse(arguments)
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening")
	log.Fatal(http.Serve(listener, http.HandlerFunc(answer)))
}

func answer(writer http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodPost {
		writer.WriteHeader(http.StatusOK) // Health.
		return
	}
	_, _ = io.Copy(io.Discard, request.Body)
	tokens, _ := strconv.Atoi(request.Header.Get(tokensHeader))
	rate, _ := strconv.ParseFloat(request.Header.Get(rateHeader), 64)
	writer.Header().Set("Content-Type", "text/event-stream")
	controller := http.NewResponseController(writer)
	var interval time.Duration
	if rate > 0 {
		interval = time.Duration(float64(time.Second) / rate)
	}
	began := time.Now()
	event := make([]byte, 0, len(timePrefix)+len(eventRest)+24)
	for index := 0; index < tokens; index++ {
		if wait := time.Until(began.Add(time.Duration(index) * interval)); wait > 0 {
			select {
			case <-time.After(wait):
			case <-request.Context().Done():
				return
			}
		}
		event = append(event[:0], timePrefix...)
		event = strconv.AppendInt(event, time.Now().UnixNano(), 10)
		event = append(event, eventRest...)
		if _, err := writer.Write(event); err != nil {
			return
		}
		if controller.Flush() != nil {
			return
		}
	}
	_, _ = io.WriteString(writer, lastEvent)
}

// tally is what the sink has seen. The slices are in microseconds.
type tally struct {
	lock               sync.Mutex
	delays, firstDelay []int64
	tokensInWindow     atomic.Int64
	begun, complete    atomic.Int64
	cut, lost, refused atomic.Int64
	unexplained        atomic.Int64
	requestsInWindow   atomic.Int64
}

type asked struct {
	targets     []string
	tokens      int
	rate        float64
	windowBegin time.Time
	windowEnd   time.Time
	end         time.Time
	again       bool
}

func sink(arguments []string) {
	flags := flag.NewFlagSet("sink", flag.ExitOnError)
	targets := flags.String("targets", "", "addresses with ports, separated by commas; streams are divided among them")
	streams := flags.Int("streams", 256, "streams at a time")
	tokens := flags.Int("tokens", 400, "tokens of a stream")
	rate := flags.Float64("rate", 20, "tokens per second of a stream; 0: as fast as they go")
	seconds := flags.Float64("seconds", 20, "when to stop starting streams")
	warm := flags.Float64("warm-seconds", 2, "seconds from the start that are not counted in rates and delays")
	again := flags.Bool("again", false, "start a stream anew when one has ended, until the time is over")
	_ = flags.Parse(arguments)
	began := time.Now()
	end := began.Add(time.Duration(*seconds * float64(time.Second)))
	what := asked{
		targets: strings.Split(*targets, ","), tokens: *tokens, rate: *rate, again: *again, end: end, windowEnd: end,
		windowBegin: began.Add(time.Duration(*warm * float64(time.Second))),
	}
	transport := &http.Transport{MaxIdleConnsPerHost: *streams, DisableCompression: true, DisableKeepAlives: false}
	client := &http.Client{Transport: transport}
	seen := &tally{}
	var group sync.WaitGroup
	for index := 0; index < *streams; index++ {
		group.Add(1)
		go func() {
			defer group.Done()
			// Spread over one interval, as streams of independent people are.
			if *rate > 0 {
				time.Sleep(time.Duration(float64(index) / float64(*streams) / *rate * float64(time.Second)))
			}
			for {
				stream(client, what, what.targets[index%len(what.targets)], seen)
				if !what.again || time.Now().After(what.end) {
					return
				}
			}
		}()
	}
	group.Wait()
	report(seen, what)
}

func stream(client *http.Client, what asked, target string, seen *tally) {
	request, err := http.NewRequest(http.MethodPost, "http://"+target+"/v1/chat/completions",
		strings.NewReader(`{"model":"simulated","stream":true,"messages":[{"role":"user","content":"hello"}]}`))
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(tokensHeader, strconv.Itoa(what.tokens))
	request.Header.Set(rateHeader, strconv.FormatFloat(what.rate, 'f', -1, 64))
	asked := time.Now()
	response, err := client.Do(request)
	if err != nil {
		seen.lost.Add(1)
		time.Sleep(50 * time.Millisecond)
		return
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		seen.refused.Add(1)
		if response.Header.Get("Retry-After") == "" {
			seen.unexplained.Add(1)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		time.Sleep(100 * time.Millisecond) // Kinder than Retry-After asks for, so that there is always something to lose.
		return
	}
	seen.begun.Add(1)
	delays, inWindow, first := make([]int64, 0, what.tokens), int64(0), int64(-1)
	done := false
	reader := bufio.NewReaderSize(response.Body, 8192)
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			break
		}
		now := time.Now()
		if strings.HasPrefix(string(line), "data: [DONE]") {
			done = true
			continue
		}
		if len(line) < len(timePrefix)+19 || string(line[:len(timePrefix)]) != timePrefix {
			continue
		}
		if first < 0 {
			first = now.Sub(asked).Microseconds()
		}
		if now.After(what.windowBegin) && now.Before(what.windowEnd) {
			sent, _ := strconv.ParseInt(string(line[len(timePrefix):len(timePrefix)+19]), 10, 64)
			delays = append(delays, (now.UnixNano()-sent)/1000)
			inWindow++
		}
	}
	if done {
		seen.complete.Add(1)
	} else {
		seen.cut.Add(1)
	}
	if now := time.Now(); done && now.After(what.windowBegin) && now.Before(what.windowEnd) {
		seen.requestsInWindow.Add(1)
	}
	seen.tokensInWindow.Add(inWindow)
	seen.lock.Lock()
	seen.delays = append(seen.delays, delays...)
	seen.firstDelay = append(seen.firstDelay, first)
	seen.lock.Unlock()
}

func report(seen *tally, what asked) {
	window := what.windowEnd.Sub(what.windowBegin).Seconds()
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"windowSeconds":             window,
		"windowBegan":               float64(what.windowBegin.UnixNano()) / 1e9,
		"tokens":                    seen.tokensInWindow.Load(),
		"tokensPerSecond":           float64(seen.tokensInWindow.Load()) / window,
		"requestsPerSecond":         float64(seen.requestsInWindow.Load()) / window,
		"delayP50Milliseconds":      percentile(seen.delays, 50),
		"delayP99Milliseconds":      percentile(seen.delays, 99),
		"firstTokenP50Milliseconds": percentile(seen.firstDelay, 50),
		"firstTokenP99Milliseconds": percentile(seen.firstDelay, 99),
		"begun":                     seen.begun.Load(),
		"complete":                  seen.complete.Load(),
		"cut":                       seen.cut.Load(),
		"lost":                      seen.lost.Load(),
		"refused":                   seen.refused.Load(),
		"refusedWithoutRetryAfter":  seen.unexplained.Load(),
	})
}

func percentile(values []int64, percent float64) float64 {
	if len(values) == 0 {
		return -1
	}
	sort.Slice(values, func(i, j int) bool { return values[i] < values[j] })
	index := int(percent / 100 * float64(len(values)-1))
	return float64(values[index]) / 1000
}
