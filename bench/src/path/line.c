// Joins two networks as a long line would: what one of them sends comes out in the other a while later, at the line's
// speed at most, and some of it never. For kernels without tc netem.
//
//   line <near card> <far card> <far network> <delay ms> <bytes per second> <framing bytes>
//     <queue bytes> <loss, 0 to 1> <seed>
//
// The cards are tun devices: one in the network this runs in, one in the network that a file such as /proc/1/ns/net
// stands for. Says `ready` once there are both. On SIGTERM it says what it has carried, as JSON, and ends.
//
// The kernel hands over bundles, many packets of one connection as one large packet, and takes them back. That saves most
// of the work, but speed, room and loss are matters of single packets: a bundle that loses some goes on as what is left of it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
  LARGEST = sizeof(struct virtio_net_hdr) + 65536,
  // Packets read before it is time to look for those that are due.
  BATCH = 64,
};
static const uint64_t SECOND = 1000000000;

// One packet or bundle on its way.
struct entry {
  struct entry *next;
  uint64_t due;         // in nanoseconds, like all times here
  uint32_t line_bytes;
  uint32_t length;
  unsigned char bytes[];  // as the kernel gave them: a virtio_net_hdr and the IP packet
};

// One direction.
struct way {
  int in, out;
  uint64_t random;
  uint64_t free_at;            // when the last bit of all that was sent has left
  struct entry *first, *last;  // no more than fits on the line and into the queue
  uint64_t second;             // in which it handed something over last
  unsigned long long in_second, busiest_second;  // bytes of the line
  unsigned long long packets, lost, overflowed, refused;
  unsigned long long handed_over, late;
};

static uint64_t delay;
static uint64_t queue;  // the longest that a packet may wait for the line
static double bytes_per_second;
static double framing;  // bytes of the line that a packet takes beyond its own
static double loss;
static volatile sig_atomic_t ended;

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static void on_signal(int signal) {
  (void)signal;
  ended = 1;
}

static uint64_t clock_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * SECOND + now.tv_nsec;
}

// From 0 to 1, by splitmix64.
static double next_random(uint64_t *state) {
  uint64_t bits = *state += 0x9e3779b97f4a7c15;
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
  return ((bits ^ bits >> 31) >> 11) * 0x1p-53;
}

// The sum of 16-bit words that checksums are made of, on top of `sum`.
static uint16_t add_up(uint32_t sum, const void *bytes, size_t length) {
  for (size_t at = 0; at + 1 < length; at += 2) {
    uint16_t word;
    memcpy(&word, (const unsigned char *)bytes + at, 2);
    sum += word;
  }
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}

// A packet as it was read.
struct packet {
  struct virtio_net_hdr *info;
  unsigned char *ip;
  size_t head;     // bytes of the headers that each packet of the bundle has
  size_t body;     // bytes that are divided among them
  size_t piece;    // bytes of each but the last
  size_t count;
};

static struct packet read_packet(unsigned char *bytes, size_t length) {
  struct packet packet = {.info = (void *)bytes, .ip = bytes + sizeof(struct virtio_net_hdr), .count = 1};
  size_t size = length - sizeof(struct virtio_net_hdr);
  packet.piece = packet.body = size;
  if (packet.info->gso_type != VIRTIO_NET_HDR_GSO_TCPV4) return packet;
  size_t ip_head = ((struct iphdr *)packet.ip)->ihl * 4;
  packet.head = ip_head + ((struct tcphdr *)(packet.ip + ip_head))->doff * 4;
  packet.body = size - packet.head;
  packet.piece = packet.info->gso_size;
  packet.count = (packet.body + packet.piece - 1) / packet.piece;
  return packet;
}

// Puts packets `from` up to but not including `to` on the way, as one.
static void send_on(struct way *way, const struct packet *packet, size_t from, size_t to) {
  size_t first = from * packet->piece;
  size_t last = to == packet->count ? packet->body : to * packet->piece;
  size_t size = packet->head + last - first;
  size_t length = sizeof(struct virtio_net_hdr) + size;
  struct entry *entry = malloc(sizeof *entry + length);
  if (entry == NULL) fail("memory");
  entry->next = NULL;
  entry->due = way->free_at + delay;
  entry->line_bytes = last - first + (to - from) * (packet->head + framing);
  entry->length = length;
  *(way->first == NULL ? &way->first : &way->last->next) = entry;
  way->last = entry;

  struct virtio_net_hdr *info = (void *)entry->bytes;
  unsigned char *bytes = entry->bytes + sizeof *info;
  *info = *packet->info;
  memcpy(bytes, packet->ip, packet->head);
  memcpy(bytes + packet->head, packet->ip + packet->head + first, last - first);
  if (to - from == packet->count) return;

  // A part of a bundle: headers of its own. The kernel adds the data to the checksum where it has to.
  struct iphdr *ip = (void *)bytes;
  struct tcphdr *tcp = (void *)(bytes + ip->ihl * 4);
  ip->tot_len = htons(size);
  ip->check = 0;
  ip->check = ~add_up(0, ip, ip->ihl * 4);
  tcp->seq = htonl(ntohl(tcp->seq) + first);
  if (to < packet->count) tcp->fin = tcp->psh = 0;
  tcp->check = add_up(htons(IPPROTO_TCP) + htons(size - ip->ihl * 4), &ip->saddr, 8);
  info->hdr_len = packet->head;
  if (to - from > 1) return;
  info->gso_type = VIRTIO_NET_HDR_GSO_NONE;
  info->gso_size = 0;
}

// Whether the line takes a packet.
static int takes(struct way *way, size_t bytes, uint64_t now) {
  way->packets++;
  if (next_random(&way->random) < loss) {
    way->lost++;
    return 0;
  }
  if (way->free_at < now) way->free_at = now;
  if (way->free_at - now > queue) {
    way->overflowed++;
    return 0;
  }
  way->free_at += (bytes + framing) / bytes_per_second * SECOND;
  return 1;
}

// Reads what has come. Returns whether there may be more.
static int take_in(struct way *way, uint64_t now) {
  static unsigned char bytes[LARGEST] __attribute__((aligned(16)));
  for (int turn = 0; turn < BATCH; turn++) {
    ssize_t length = read(way->in, bytes, sizeof bytes);
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (length < 0) fail("reading a card");
    if ((size_t)length <= sizeof(struct virtio_net_hdr)) continue;
    struct packet packet = read_packet(bytes, length);
    size_t from = 0;
    for (size_t each = 0; each < packet.count; each++) {
      size_t body = each + 1 < packet.count ? packet.piece : packet.body - each * packet.piece;
      if (takes(way, packet.head + body, now)) continue;
      if (each > from) send_on(way, &packet, from, each);
      from = each + 1;
    }
    if (packet.count > from) send_on(way, &packet, from, packet.count);
  }
  return 1;
}

// Hands over what is due. Returns when the next one is.
static uint64_t hand_over(struct way *way) {
  while (way->first != NULL) {
    struct entry *entry = way->first;
    uint64_t now = clock_now();
    if (entry->due > now) return entry->due;
    // A card that takes nothing now is down; a line does not try again.
    if (write(way->out, entry->bytes, entry->length) < 0) way->refused++;
    way->handed_over++;
    way->late += now - entry->due;
    if (now / SECOND != way->second) way->in_second = 0;
    way->second = now / SECOND;
    way->in_second += entry->line_bytes;
    if (way->in_second > way->busiest_second) way->busiest_second = way->in_second;
    way->first = entry->next;
    free(entry);
  }
  return UINT64_MAX;
}

static int open_card(const char *name) {
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  int card = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (card < 0) fail("/dev/net/tun");
  if (ioctl(card, TUNSETIFF, &request) < 0) fail(name);
  if (ioctl(card, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) < 0) fail("bundles of packets");
  return card;
}

static void tell(const char *name, const struct way *way, const char *after) {
  printf("\"%s\":{\"packets\":%llu,\"lost\":%llu,\"overflowed\":%llu,\"refused\":%llu,", name, way->packets, way->lost,
         way->overflowed, way->refused);
  double late = way->handed_over == 0 ? 0 : (double)way->late / way->handed_over / 1e6;
  printf("\"busiestSecondBytes\":%llu,\"lateMs\":%.3f}%s", way->busiest_second, late, after);
}

int main(int count, char **arguments) {
  if (count != 10) return fprintf(stderr, "line: 9 arguments\n"), 64;
  delay = atof(arguments[4]) * 1e6;
  bytes_per_second = atof(arguments[5]);
  framing = atof(arguments[6]);
  queue = atof(arguments[7]) / bytes_per_second * SECOND;
  loss = atof(arguments[8]);
  uint64_t seed = strtoull(arguments[9], NULL, 10);

  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // As prompt as a card: what is due does not wait for a processor. Where that is forbidden, it may be late.
  sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
  sigset_t awake, asleep;
  sigemptyset(&awake);
  sigaddset(&awake, SIGTERM);
  sigprocmask(SIG_BLOCK, &awake, &asleep);
  sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);

  int near = open_card(arguments[1]);
  int network = open(arguments[3], O_RDONLY | O_CLOEXEC);
  if (network < 0 || setns(network, CLONE_NEWNET) < 0) fail(arguments[3]);
  int far = open_card(arguments[2]);
  struct way ways[2] = {{.in = near, .out = far, .random = seed}, {.in = far, .out = near, .random = ~seed}};
  printf("ready\n");
  fflush(stdout);

  struct pollfd cards[2] = {{.fd = near, .events = POLLIN}, {.fd = far, .events = POLLIN}};
  while (!ended) {
    uint64_t next = UINT64_MAX;
    int more = 0;
    for (int each = 0; each < 2; each++) {
      more |= take_in(&ways[each], clock_now());
      uint64_t due = hand_over(&ways[each]);
      if (due < next) next = due;
    }
    uint64_t now = clock_now();
    uint64_t wait = more || next <= now ? 0 : next - now;
    struct timespec time = {.tv_sec = wait / SECOND, .tv_nsec = wait % SECOND};
    ppoll(cards, 2, next == UINT64_MAX && !more ? NULL : &time, &asleep);
  }
  printf("{");
  tell("there", &ways[0], ",");
  tell("back", &ways[1], "}\n");
  return 0;
}
