// The compressed files as a part of the program: nothing has to be found or read before they can be unpacked.
    .section .rodata
    .global rocketkv_payload_begin, rocketkv_payload_end
    .balign 64
rocketkv_payload_begin:
    .incbin "payload.zst"
rocketkv_payload_end:
    .section .note.GNU-stack, "", @progbits
