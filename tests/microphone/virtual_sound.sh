#!/usr/bin/env bash
# PulseAudio with a microphone and two outputs that exist only in memory, for machines without sound hardware.
#
#   eval "$(tests/microphone/virtual_sound.sh start)"   this shell now hears the virtual microphone
#   paplay --device=mic_feed clip.wav                   speak into it
#   paplay --device=speakers clip.wav                   let the computer play something (also: headset)
#   tests/microphone/virtual_sound.sh unplug | plug     take the microphone away, bring it back
#   tests/microphone/virtual_sound.sh default NAME      let NAME (speakers, headset) be the default output
#   tests/microphone/virtual_sound.sh restart           as when the user restarts the sound server
#   tests/microphone/virtual_sound.sh stop
#
# Debian: apt install pulseaudio pulseaudio-utils (libportaudio2 libasound2-plugins to hear it through PortAudio too)
set -euo pipefail

dir=${VIRTUAL_SOUND_DIR:-/tmp/virtual_sound}
export XDG_RUNTIME_DIR=$dir/run
unset PULSE_SERVER PULSE_SOURCE PULSE_SINK

# norewinds: an ordinary null sink works two seconds ahead and would deliver its first sound so late
sink() { echo "module-null-sink sink_name=$1 norewinds=1 sink_properties=device.description=$2"; }
microphone="module-remap-source source_name=virtmic master=mic_feed.monitor source_properties=device.description=Desk_Microphone"

launch() { # one that is still ending refuses a new one
  for _ in {1..100}; do
    serve && break
    sleep 0.1
  done
  pactl set-default-source virtmic
  pactl set-default-sink speakers
}

end() { # --kill returns before it is gone
  pulseaudio --kill
  for _ in {1..100}; do
    pulseaudio --check 2>/dev/null || return 0
    sleep 0.1
  done
}

serve() {
  pulseaudio --daemonize=yes --high-priority=yes --exit-idle-time=-1 --disallow-exit -n \
    -L module-native-protocol-unix -L "$(sink mic_feed Microphone_Feed)" -L "$(sink speakers Speakers)" \
    -L "$(sink headset Headset)" -L "$microphone" >&2 2>"$dir/pulseaudio.log"
}

case ${1:-} in
start)
  mkdir -p "$XDG_RUNTIME_DIR" && chmod 700 "$XDG_RUNTIME_DIR"
  printf 'pcm.!default { type pulse }\nctl.!default { type pulse }\n' >"$dir/asoundrc"
  launch
  echo "export XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR ALSA_CONFIG_PATH=/usr/share/alsa/alsa.conf:$dir/asoundrc"
  ;;
unplug) pactl unload-module module-remap-source ;;
plug)
  # shellcheck disable=SC2086
  pactl load-module $microphone >/dev/null
  pactl set-default-source virtmic
  ;;
default) pactl set-default-sink "$2" ;;
restart) end && launch ;;
stop) end ;;
*) sed -n '2,13p' "$0" && exit 2 ;;
esac
