// The program that runs when a process calls the function that would write a line of its TLS key log.
//
// In: the registers at that function's entry. Out: the label, the client random and the secret, as an event in a ring.
// It reads what these registers point to and nothing else; registers stand as in the kernel's uapi/asm/ptrace.h, so no
// header of the system is needed. `build` compiles it for each architecture.

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))

enum { MAP_ARRAY = 2, MAP_RING = 27, RING_BYTES = 1 << 20 };

static u64 (*const get_current_pid_tgid)(void) = (void *)14;
static long (*const probe_read_user)(void *to, u32 size, const void *from) = (void *)112;
static long (*const probe_read_user_str)(void *to, u32 size, const void *from) = (void *)114;
static void *(*const ring_reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*const ring_submit)(void *event, u64 flags) = (void *)132;
static void (*const ring_discard)(void *event, u64 flags) = (void *)133;
static u64 (*const get_attach_cookie)(void *context) = (void *)174;
static void *(*const lookup)(void *map, const void *key) = (void *)1;

struct {
	int (*type)[MAP_RING];
	int (*max_entries)[RING_BYTES];
} events SEC(".maps");

// How many events found no room.
struct {
	int (*type)[MAP_ARRAY];
	u32 *key;
	u64 *value;
	int (*max_entries)[1];
} lost SEC(".maps");

struct event {
	u32 process;
	u8 label_length;
	u8 secret_length;
	u8 padding[2];
	u8 label[32];
	u8 random[32];
	u8 secret[48];
};

#if defined(ARCH_AMD64)
struct registers {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
};
#define C_ARGUMENTS(r) (r)->rdi, (r)->rsi, (r)->rdx, (r)->rcx
// Go's ABIInternal: rax, rbx, rcx, rdi, rsi, r8, r9, r10; the receiver is the first.
#define GO_ARGUMENTS(r) (r)->rbx, (r)->rcx, (r)->rdi, (r)->r9, (r)->r10
#elif defined(ARCH_ARM64)
struct registers {
	u64 x[31];
};
#define C_ARGUMENTS(r) (r)->x[0], (r)->x[1], (r)->x[2], (r)->x[3]
#define GO_ARGUMENTS(r) (r)->x[1], (r)->x[2], (r)->x[3], (r)->x[6], (r)->x[7]
#else
#error "for which architecture?"
#endif

INLINE int tell(u64 label, u64 label_length, u64 random, u64 secret, u64 secret_length)
{
	struct event *event;
	u32 first = 0;
	long failed;

	// As long as a hash, or as a master secret; nothing else is a secret of a key log.
	if (secret_length != 32 && secret_length != 48)
		return 0;
	event = ring_reserve(&events, sizeof(*event), 0);
	if (!event) {
		u64 *count = lookup(&lost, &first);
		if (count)
			__sync_fetch_and_add(count, 1);
		return 0;
	}
	event->process = get_current_pid_tgid() >> 32;
	event->label_length = label_length > 32 ? 255 : label_length;
	event->secret_length = secret_length;
	event->padding[0] = event->padding[1] = 0;
	if (label_length)
		failed = probe_read_user(event->label, sizeof(event->label), (void *)label);
	else
		failed = probe_read_user_str(event->label, sizeof(event->label), (void *)label) < 0;
	failed |= probe_read_user(event->random, sizeof(event->random), (void *)random);
	if (secret_length == 48)
		failed |= probe_read_user(event->secret, 48, (void *)secret);
	else
		failed |= probe_read_user(event->secret, 32, (void *)secret);
	if (failed)
		ring_discard(event, 0);
	else
		ring_submit(event, 0);
	return 0;
}

INLINE int tell_c(u64 cookie, u64 connection, u64 label, u64 secret, u64 secret_length)
{
	// Where the client random stands: at `low` of the connection, or of what its pointer at `high` points to.
	u64 high = cookie >> 32, low = cookie & 0xffffffff;

	if (high && probe_read_user(&connection, sizeof(connection), (void *)(connection + high)))
		return 0;
	return tell(label, 0, connection + low, secret, secret_length);
}

// crypto/tls.(*Config).writeKeyLog(label string, clientRandom, secret []byte)
SEC("uprobe/go") int go_write_key_log(struct registers *registers)
{
	return tell(GO_ARGUMENTS(registers));
}

// ssl_log_secret(connection, label, secret, length) of OpenSSL and BoringSSL
SEC("uprobe/c") int ssl_log_secret(struct registers *registers)
{
	return tell_c(get_attach_cookie(registers), C_ARGUMENTS(registers));
}

// Some helpers are for programs under the GPL alone; as a work of its own it may be used under it too.
char LICENSE[] SEC("license") = "GPL";
