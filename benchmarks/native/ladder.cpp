// The native reference of book replay: the same work as tickdeck's `OrderBook.apply(events, bbo=out)`, in the fastest
// single-threaded form known to us. A dense price ladder per instrument, whose price range is taken from the events before
// the clock starts (tickdeck's ladder has to find its range as it goes), orders in one pool with FIFO links, ids in an open
// addressing table. After every event the best bid and ask with their sizes are written to a reused buffer.
//
// As a library (benchmarks drive it through ctypes, so that passes interleave with tickdeck's in one process):
//   g++ -O3 -march=native -fno-math-errno -std=c++17 -shared -fPIC -o ladder.so ladder.cpp
// As a command, over a raw file of EVENT records; prints one line of JSON a pass:
//   g++ -O3 -march=native -fno-math-errno -std=c++17 -o ladder ladder.cpp && ./ladder events.bin TICK_SIZE [passes [prefetch]]
//
// Level index: both sides grow towards the better price, so that "better" is "higher" on either side and 0 is "empty".
//
//   0..63        | bids of book 0: lowest .. highest | asks of book 0: highest .. lowest | bids of book 1 ...
//   never in use   origin[0] + tick                    origin[1] + ~tick

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Event {  // EVENT of tickdeck.core.records
    int64_t ts_event, ts_recv;
    uint64_t order_id;
    int64_t price, size;
    uint64_t sequence;
    uint32_t instrument_id;
    int32_t ts_in_delta;
    uint16_t publisher_id;
    uint8_t action, side, flags, channel_id, rtype, reserved;
};
static_assert(sizeof(Event) == 64);

struct Bbo {  // BBO of tickdeck.core.records
    int64_t bid_price, ask_price, bid_size, ask_size;
};
static_assert(sizeof(Bbo) == 32);

struct Order {
    uint64_t id;
    int64_t size;
    uint32_t level, prev, next, side;
};

struct Level {
    int64_t size;
    uint32_t count, head, tail;
};

struct Slot {
    uint64_t id;
    uint32_t book, order;  // order == NIL: empty, so that id 0 is an id like any other
};

struct alignas(64) Book {
    int64_t origin[2];
    int64_t price[2];  // of the best level
    uint32_t best[2];  // level index, 0: the side is empty
    uint32_t first[2];
    int64_t lowest, highest;  // tick range, while the books are laid out
};

constexpr uint32_t NIL = 0xffffffff;
constexpr int64_t UNDEF_PRICE = INT64_MAX;
constexpr uint64_t GOLDEN = 0x9E3779B97F4A7C15ull;
constexpr uint8_t FLAG_LAST = 128, FLAG_SNAPSHOT = 32;
constexpr size_t CHUNK = 65536;
constexpr uint64_t MAX_LEVELS = uint64_t(1) << 26;

enum Count { UNKNOWN_CANCEL, UNKNOWN_MODIFY, DUPLICATE_ADD, OVERFILLED, OFF_TICK, CROSSED, LIVE_ORDERS, PEAK_ORDERS, COUNTS };

class Market {
  public:
    Market(const Event* events, size_t count, int64_t tick_size)
        : events_(events), count_(count), tick_size_(tick_size), inverse_(1.0 / double(tick_size)) {
        lay_out();
        reset();
        replay(0, nullptr);  // learns how many orders live at once: timed passes never grow
    }

    double replay(uint32_t prefetch, uint64_t* checksum) {
        reset();
        std::vector<Bbo> out(CHUNK, Bbo{});
        uint64_t fold = 0;
        const auto begin = std::chrono::steady_clock::now();
        for (size_t at = 0; at < count_; at += CHUNK) {
            const size_t end = at + CHUNK < count_ ? at + CHUNK : count_;
            if (books_.size() == 1)
                prefetch ? apply<false, true>(at, end, out.data(), prefetch) : apply<false, false>(at, end, out.data(), 0);
            else
                prefetch ? apply<true, true>(at, end, out.data(), prefetch) : apply<true, false>(at, end, out.data(), 0);
            if (checksum)
                for (size_t i = 0; i < end - at; i++)
                    for (int64_t word : {out[i].bid_price, out[i].ask_price, out[i].bid_size, out[i].ask_size})
                        fold = (fold ^ uint64_t(word)) * GOLDEN;
        }
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
        if (checksum) *checksum = fold;
        return taken.count();
    }

    const uint64_t* counts() const { return counts_; }
    size_t size() const { return count_; }

  private:
    const Event* events_;
    size_t count_;
    int64_t tick_size_;
    double inverse_;
    std::vector<uint32_t> book_of_;  // by instrument id - first_id_
    uint32_t first_id_ = 0;
    std::vector<Book> books_;
    std::vector<Level> levels_;
    std::vector<uint64_t> in_use_;  // one bit a level
    std::vector<Order> orders_;
    std::vector<uint32_t> free_;
    std::vector<Slot> slots_;
    uint64_t mask_ = 0;
    int shift_ = 0;
    uint32_t fresh_ = 0;  // orders handed out so far
    uint32_t free_count_ = 0;
    uint64_t live_ = 0, peak_ = 1024;
    uint64_t counts_[COUNTS] = {};

    bool to_tick(int64_t price, int64_t& tick) const {
        tick = std::llrint(double(price) * inverse_);
        return tick * tick_size_ == price;
    }

    void lay_out() {
        uint32_t last_id = 0;
        first_id_ = NIL;
        for (size_t i = 0; i < count_; i++) {
            if (events_[i].instrument_id < first_id_) first_id_ = events_[i].instrument_id;
            if (events_[i].instrument_id > last_id) last_id = events_[i].instrument_id;
        }
        if (count_ == 0) throw std::runtime_error("no events");
        if (last_id - first_id_ > (1u << 24)) throw std::runtime_error("instrument ids are spread too widely for a dense map");
        book_of_.assign(size_t(last_id - first_id_) + 1, NIL);
        for (size_t i = 0; i < count_; i++) {
            const Event& e = events_[i];
            uint32_t& book = book_of_[e.instrument_id - first_id_];
            if (book == NIL) {
                book = uint32_t(books_.size());
                books_.push_back(Book{{0, 0}, {0, 0}, {0, 0}, {0, 0}, INT64_MAX, INT64_MIN});
            }
            int64_t tick;
            if ((e.action == 'A' || e.action == 'M') && to_tick(e.price, tick)) {
                if (tick < books_[book].lowest) books_[book].lowest = tick;
                if (tick > books_[book].highest) books_[book].highest = tick;
            }
        }
        uint64_t next = 64;
        for (Book& b : books_) {
            if (b.lowest > b.highest) b.lowest = b.highest = 0;
            const uint64_t span = (uint64_t(b.highest - b.lowest) / 64 + 1) * 64;
            if (span > MAX_LEVELS || next + 2 * span > MAX_LEVELS) throw std::runtime_error("the price range is too wide for a dense ladder");
            b.first[0] = uint32_t(next);
            b.first[1] = uint32_t(next + span);
            b.origin[0] = int64_t(next) - b.lowest;
            b.origin[1] = int64_t(next + 2 * span) + b.lowest;
            next += 2 * span;
        }
        levels_.resize(next);
        in_use_.resize(next / 64);
    }

    void reset() {
        for (Book& b : books_) {
            b.best[0] = b.best[1] = 0;
            b.price[0] = b.price[1] = UNDEF_PRICE;
        }
        std::fill(levels_.begin(), levels_.end(), Level{0, 0, NIL, NIL});
        std::fill(in_use_.begin(), in_use_.end(), 0);
        orders_.assign(peak_, Order{});
        free_.assign(peak_, 0);
        fresh_ = free_count_ = 0;
        live_ = 0;
        std::memset(counts_, 0, sizeof counts_);
        resize_slots(peak_ * 8);
    }

    void resize_slots(uint64_t wanted) {
        int bits = 10;
        while ((uint64_t(1) << bits) < wanted) bits++;
        slots_.assign(uint64_t(1) << bits, Slot{0, 0, NIL});
        mask_ = (uint64_t(1) << bits) - 1;
        shift_ = 64 - bits;
    }

    __attribute__((noinline, cold)) void grow() {
        std::vector<Slot> before = slots_;
        peak_ = orders_.size() * 2;
        orders_.resize(peak_);
        free_.resize(peak_);
        resize_slots(peak_ * 8);
        for (const Slot& s : before)
            if (s.order != NIL) insert(s.id, s.book, s.order);
    }

    uint64_t home(uint64_t id, uint32_t book) const { return ((id ^ (uint64_t(book) << 40)) * GOLDEN) >> shift_; }

    template <bool MANY>
    uint64_t find(uint64_t id, uint32_t book) const {
        uint64_t i = home(id, book);
        while (slots_[i].order != NIL && (slots_[i].id != id || (MANY && slots_[i].book != book))) i = (i + 1) & mask_;
        return i;
    }

    void insert(uint64_t id, uint32_t book, uint32_t order) {
        uint64_t i = home(id, book);
        while (slots_[i].order != NIL) i = (i + 1) & mask_;
        slots_[i] = Slot{id, book, order};
    }

    void erase(uint64_t i) {
        uint64_t j = i;
        while (true) {
            j = (j + 1) & mask_;
            if (slots_[j].order == NIL) break;
            if (((j - home(slots_[j].id, slots_[j].book)) & mask_) >= ((j - i) & mask_)) {
                slots_[i] = slots_[j];
                i = j;
            }
        }
        slots_[i].order = NIL;
    }

    static uint32_t level_index(const Book& b, int64_t tick, uint32_t side) {
        return uint32_t(b.origin[side] + (tick ^ -int64_t(side)));
    }

    void set_best(Book& b, uint32_t side, uint32_t index) {
        b.best[side] = index;
        const int64_t tick = (int64_t(index) - b.origin[side]) ^ -int64_t(side);
        b.price[side] = index ? tick * tick_size_ : UNDEF_PRICE;
    }

    void link(Book& b, uint32_t x, uint64_t id, uint32_t side, uint32_t index, int64_t size) {
        Level& level = levels_[index];
        orders_[x] = Order{id, size, index, level.tail, NIL, side};
        if (level.tail != NIL) {
            orders_[level.tail].next = x;
        } else {
            level.head = x;
            in_use_[index >> 6] |= uint64_t(1) << (index & 63);
            if (index > b.best[side]) set_best(b, side, index);
        }
        level.tail = x;
        level.size += size;
        level.count++;
    }

    void unlink(Book& b, uint32_t x) {
        const Order& order = orders_[x];
        const uint32_t index = order.level;
        Level& level = levels_[index];
        level.size -= order.size;
        level.count--;
        if (order.prev != NIL)
            orders_[order.prev].next = order.next;
        else
            level.head = order.next;
        if (order.next != NIL)
            orders_[order.next].prev = order.prev;
        else
            level.tail = order.prev;
        if (level.count == 0) {
            in_use_[index >> 6] &= ~(uint64_t(1) << (index & 63));
            if (index == b.best[order.side]) {
                uint64_t word = index >> 6;
                const uint64_t last = b.first[order.side] >> 6;
                while (word > last && in_use_[word] == 0) word--;
                set_best(b, order.side, in_use_[word] ? uint32_t(word * 64 + 63 - __builtin_clzll(in_use_[word])) : 0);
            }
        }
    }

    template <bool MANY>
    void add(Book& b, uint32_t book, const Event& e, uint64_t slot, uint32_t index, uint32_t side) {
        if (!free_count_ && fresh_ == orders_.size()) {
            grow();
            slot = find<MANY>(e.order_id, book);
        }
        const uint32_t x = free_count_ ? free_[--free_count_] : fresh_++;
        link(b, x, e.order_id, side, index, e.size);
        slots_[slot] = Slot{e.order_id, book, x};
        live_++;
    }

    void remove(Book& b, uint64_t slot) {
        const uint32_t x = slots_[slot].order;
        unlink(b, x);
        erase(slot);
        free_[free_count_++] = x;
        live_--;
    }

    template <bool MANY>
    void clear(Book& b, uint32_t book) {
        for (uint32_t side = 0; side < 2; side++)
            while (b.best[side]) {
                const Order& head = orders_[levels_[b.best[side]].head];
                remove(b, find<MANY>(head.id, book));
            }
    }

    template <bool MANY, bool PREFETCH>
    void apply(size_t at, size_t end, Bbo* out, uint32_t ahead) {
        for (size_t i = at; i < end; i++, out++) {
            if (PREFETCH) {
                if (i + 2 * ahead < count_) {
                    const Event& f = events_[i + 2 * ahead];
                    const uint32_t book = MANY ? book_of_[f.instrument_id - first_id_] : 0;
                    __builtin_prefetch(&slots_[home(f.order_id, book)]);
                    if (MANY) __builtin_prefetch(&books_[book]);
                }
                if (i + ahead < count_) {
                    const Event& f = events_[i + ahead];
                    const uint32_t book = MANY ? book_of_[f.instrument_id - first_id_] : 0;
                    const uint64_t slot = home(f.order_id, book);
                    if (f.action == 'A') {
                        const int64_t tick = std::llrint(double(f.price) * inverse_);
                        const uint32_t index = level_index(books_[book], tick, f.side & 1);
                        __builtin_prefetch(levels_.data() + index);
                    } else if (slots_[slot].order != NIL) {
                        __builtin_prefetch(&orders_[slots_[slot].order]);
                    }
                }
                if (i + ahead / 2 < count_) {
                    const Event& f = events_[i + ahead / 2];
                    const uint32_t book = MANY ? book_of_[f.instrument_id - first_id_] : 0;
                    const Slot& slot = slots_[home(f.order_id, book)];
                    if (f.action == 'A') {
                        const int64_t tick = std::llrint(double(f.price) * inverse_);
                        const uint32_t index = level_index(books_[book], tick, f.side & 1);
                        const uint32_t tail = index < levels_.size() ? levels_[index].tail : NIL;
                        if (tail != NIL) __builtin_prefetch(&orders_[tail]);
                    } else if (slot.order != NIL) {
                        const Order& order = orders_[slot.order];
                        if (order.prev != NIL) __builtin_prefetch(&orders_[order.prev]);
                        if (order.next != NIL) __builtin_prefetch(&orders_[order.next]);
                        __builtin_prefetch(&levels_[order.level]);
                    }
                }
            }
            const Event& e = events_[i];
            const uint32_t book = MANY ? book_of_[e.instrument_id - first_id_] : 0;
            Book& b = books_[book];
            switch (e.action) {
                case 'A': {
                    int64_t tick;
                    if (!to_tick(e.price, tick)) {
                        counts_[OFF_TICK]++;
                        break;
                    }
                    uint64_t slot = find<MANY>(e.order_id, book);
                    if (slots_[slot].order != NIL) {
                        counts_[DUPLICATE_ADD]++;
                        remove(b, slot);
                        slot = find<MANY>(e.order_id, book);
                    }
                    const uint32_t side = e.side & 1;
                    add<MANY>(b, book, e, slot, level_index(b, tick, side), side);
                    break;
                }
                case 'C': {
                    const uint64_t slot = find<MANY>(e.order_id, book);
                    if (slots_[slot].order == NIL) {
                        counts_[UNKNOWN_CANCEL]++;
                        break;
                    }
                    Order& order = orders_[slots_[slot].order];
                    if (e.size < order.size) {
                        order.size -= e.size;
                        levels_[order.level].size -= e.size;
                    } else {
                        counts_[OVERFILLED] += e.size > order.size;
                        remove(b, slot);
                    }
                    break;
                }
                case 'M': {
                    int64_t tick;
                    if (!to_tick(e.price, tick)) {
                        counts_[OFF_TICK]++;
                        break;
                    }
                    const uint64_t slot = find<MANY>(e.order_id, book);
                    if (slots_[slot].order == NIL) {
                        counts_[UNKNOWN_MODIFY]++;
                        const uint32_t side = e.side & 1;
                        if (e.size) add<MANY>(b, book, e, slot, level_index(b, tick, side), side);
                        break;
                    }
                    if (e.size == 0) {
                        remove(b, slot);
                        break;
                    }
                    const uint32_t x = slots_[slot].order;
                    Order& order = orders_[x];
                    const uint32_t index = level_index(b, tick, order.side);
                    if (index == order.level && e.size <= order.size) {
                        levels_[index].size -= order.size - e.size;
                        order.size = e.size;
                    } else {
                        unlink(b, x);
                        link(b, x, e.order_id, order.side, index, e.size);
                    }
                    break;
                }
                case 'R':
                    clear<MANY>(b, book);
                    break;
            }
            if ((e.flags & (FLAG_LAST | FLAG_SNAPSHOT)) == FLAG_LAST && b.price[0] >= b.price[1] && b.best[0]) counts_[CROSSED]++;
            *out = Bbo{b.price[0], b.price[1], levels_[b.best[0]].size, levels_[b.best[1]].size};
        }
        counts_[LIVE_ORDERS] = live_;
        counts_[PEAK_ORDERS] = fresh_;
    }
};

}  // namespace

extern "C" {

// Lays out the books for `events`, which must outlive the market. On failure returns null and writes why to `error`.
void* ladder_create(const void* events, uint64_t count, int64_t tick_size, char* error, uint64_t error_length) {
    try {
        return new Market(static_cast<const Event*>(events), count, tick_size);
    } catch (const std::exception& failure) {
        std::snprintf(error, error_length, "%s", failure.what());
        return nullptr;
    }
}

// One pass over the events with fresh books; returns its seconds. With `checksum` the pass also folds every output word into
// it (and its time says nothing). `prefetch` is a distance in events, 0: none.
double ladder_replay(void* market, uint32_t prefetch, uint64_t* checksum) {
    return static_cast<Market*>(market)->replay(prefetch, checksum);
}

// unknown cancels, unknown modifies, duplicate adds, overfilled, off tick, crossed, live orders, most orders live at once.
void ladder_counts(void* market, uint64_t* out) { std::memcpy(out, static_cast<Market*>(market)->counts(), COUNTS * sizeof(uint64_t)); }

void ladder_destroy(void* market) { delete static_cast<Market*>(market); }
}

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: %s EVENTS_FILE TICK_SIZE [PASSES [PREFETCH]]\n", argv[0]);
        return 2;
    }
    std::FILE* file = std::fopen(argv[1], "rb");
    if (!file) {
        std::perror(argv[1]);
        return 1;
    }
    std::fseek(file, 0, SEEK_END);
    std::vector<Event> events(size_t(std::ftell(file)) / sizeof(Event));
    std::rewind(file);
    if (std::fread(events.data(), sizeof(Event), events.size(), file) != events.size()) return 1;
    std::fclose(file);
    try {
        Market market(events.data(), events.size(), std::atoll(argv[2]));
        const int passes = argc > 3 ? std::atoi(argv[3]) : 5;
        const uint32_t prefetch = argc > 4 ? uint32_t(std::atoi(argv[4])) : 0;
        uint64_t checksum;
        market.replay(prefetch, &checksum);
        for (int pass = 0; pass < passes; pass++)
            std::printf("{\"seconds\": %.9f, \"events\": %zu, \"checksum\": \"%016llx\"}\n", market.replay(prefetch, nullptr), market.size(),
                        static_cast<unsigned long long>(checksum));
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "%s\n", failure.what());
        return 1;
    }
}
